export interface Market {
  readonly region: string;
  readonly currency: string;
}

/** Where we sell. Totals are in the currency of the customer's country. */
export const MARKETS: ReadonlyMap<string, Market> = new Map([
  ["DE", { region: "Europe", currency: "EUR" }],
  ["FR", { region: "Europe", currency: "EUR" }],
  ["GB", { region: "Europe", currency: "GBP" }],
  ["US", { region: "Americas", currency: "USD" }],
  ["BR", { region: "Americas", currency: "BRL" }],
  ["IN", { region: "Asia", currency: "INR" }],
]);
