export { checkSlot, uninstallSlot } from "./admin.ts";
export { captureBySlot } from "./capture.ts";
