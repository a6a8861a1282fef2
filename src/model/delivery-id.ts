const DELIVERY_ID = /^[\x20-\x7e]{1,256}$/;

/** What a sender may name a delivery, wherever it sends it to, as messages say it. */
export const DELIVERY_ID_RULE = "1 to 256 printable ASCII characters";

export function isDeliveryId(text: string): boolean {
  return DELIVERY_ID.test(text);
}
