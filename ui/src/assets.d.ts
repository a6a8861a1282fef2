/** Vite takes it out into a file of its own. */
declare module "*.css";
