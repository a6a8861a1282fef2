import { expect, test } from "vitest";
import { SharedSlots, type SlotWaiter } from "./shared-slots.ts";

/** A member that takes whatever it can get, up to what it needs. */
function createMember(slots: SharedSlots, needs: number): SlotWaiter & { taken: number; needs: number } {
  slots.join();
  const member = {
    taken: 0,
    needs,
    slotFreed() {
      while (member.taken < member.needs && slots.tryTake(member)) member.taken += 1;
    },
  };
  return member;
}

test("what is left beyond a slot for each member is shared", () => {
  const slots = new SharedSlots(5);
  const one = createMember(slots, 10);
  const two = createMember(slots, 10);
  one.slotFreed();
  two.slotFreed();
  expect([one.taken, two.taken]).toEqual([3, 0]);
});

test("with no more slots than members there is nothing to share", () => {
  const slots = new SharedSlots(1);
  const one = createMember(slots, 10);
  const two = createMember(slots, 10);
  one.slotFreed();
  two.slotFreed();
  expect([one.taken, two.taken]).toEqual([0, 0]);
});

test("who waited first is served first", () => {
  const slots = new SharedSlots(4);
  const one = createMember(slots, 10);
  const two = createMember(slots, 10);
  const three = createMember(slots, 10);
  one.slotFreed();
  two.slotFreed();
  three.slotFreed();
  one.needs = 0;
  one.taken -= 1;
  slots.give();
  expect([two.taken, three.taken]).toEqual([1, 0]);
});

test("a slot that its first waiter needs no longer goes to the next", () => {
  const slots = new SharedSlots(4);
  const one = createMember(slots, 10);
  const two = createMember(slots, 10);
  const three = createMember(slots, 10);
  one.slotFreed();
  two.slotFreed();
  three.slotFreed();
  one.needs = 0;
  two.needs = 0;
  slots.give();
  expect(three.taken).toBe(1);
});

test("the slot of a member that leaves is shared by those who stay", () => {
  const slots = new SharedSlots(2);
  const one = createMember(slots, 10);
  createMember(slots, 0);
  one.slotFreed();
  expect(one.taken).toBe(0);
  slots.leave();
  expect(one.taken).toBe(1);
});
