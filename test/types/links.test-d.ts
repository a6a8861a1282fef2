import { expectTypeOf, test } from "vitest";
import type { Event, Input, InputContext, Orchestrator, Process } from "../../src/index.ts";

interface Order {
  readonly id: string;
  readonly total: number;
}
interface Refund {
  readonly order: string;
}
interface Priced extends Order {
  readonly currency: string;
}

declare const orchestrator: Orchestrator;
declare const orderInput: Input<Order>;
declare const pricedInput: Input<Priced>;
declare const orderProcess: Process<Order>;
declare const refundProcess: Process<Refund>;
declare const pricing: Process<Order, Priced>;

test("a link is taken whose input's data fits the process", () => {
  const orders = orchestrator.addInput(orderInput);
  const process = orchestrator.addProcess(orderProcess);
  orchestrator.addLink(orders, process, { operations: ["create"] });
});

test("a link whose input's data does not fit the process does not compile", () => {
  const orders = orchestrator.addInput(orderInput);
  const refunds = orchestrator.addProcess(refundProcess);
  // @ts-expect-error an order is no refund
  orchestrator.addLink(orders, refunds);
});

test("an input that carries more than the process asks for fits; one that carries less does not", () => {
  const priced = orchestrator.addInput(pricedInput);
  const orders = orchestrator.addInput(orderInput);
  const wantsOrder = orchestrator.addProcess(orderProcess);
  const wantsPriced = orchestrator.addProcess({ name: "p", run(_event: Event<Priced>) {} });
  orchestrator.addLink(priced, wantsOrder);
  // @ts-expect-error an order has no currency
  orchestrator.addLink(orders, wantsPriced);
});

test("what a process emits must fit the process that it is linked to", () => {
  const price = orchestrator.addProcess(pricing);
  const ship = orchestrator.addProcess({ name: "ship", run(_event: Event<Priced>) {} });
  const refund = orchestrator.addProcess(refundProcess);
  orchestrator.addLink(price, ship);
  // @ts-expect-error a priced order is no refund
  orchestrator.addLink(price, refund);
});

test("a process that takes anything may be linked to every input, and an untyped input to every process", () => {
  const orders = orchestrator.addInput(orderInput);
  const anything = orchestrator.addInput({ name: "any", async handle() {} });
  const log = orchestrator.addProcess({ name: "log", run(_event) {} });
  const typed = orchestrator.addProcess(orderProcess);
  orchestrator.addLink(orders, log);
  orchestrator.addLink(anything, log);
  // @ts-expect-error nothing says what an untyped input carries: give it a type, or link by name
  orchestrator.addLink(anything, typed);
  orchestrator.addLink("any", "order");
});

test("links lead to processes only, and do not mix handles with names", () => {
  const orders = orchestrator.addInput(orderInput);
  const process = orchestrator.addProcess(orderProcess);
  // @ts-expect-error an input is where events come from
  orchestrator.addLink(process, orders);
  // @ts-expect-error two inputs
  orchestrator.addLink(orders, orders);
  // @ts-expect-error a handle and a name
  orchestrator.addLink(orders, "order");
});

test("a component's data type is read from how it is written", () => {
  const input = orchestrator.addInput({ name: "i", async handle(_context: InputContext<Order>) {} });
  const process = orchestrator.addProcess({ name: "p", async run(_event: Event<Order>) {} });
  orchestrator.addLink(input, process);
  const other = orchestrator.addProcess({ name: "q", async run(_event: Event<Refund>) {} });
  // @ts-expect-error an order is no refund
  orchestrator.addLink(input, other);
  expectTypeOf<Parameters<Process<Order>["run"]>[0]>().toEqualTypeOf<Event<Order>>();
});

test("an input can only emit what it says it carries", () => {
  orchestrator.addInput<Order>({
    name: "i",
    async handle({ emit }) {
      await emit({ data: { id: "1", total: 2 } });
      // @ts-expect-error the total is missing
      await emit({ data: { id: "1" } });
    },
  });
});
