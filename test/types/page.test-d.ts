import { expectTypeOf, test } from "vitest";
import type { Stats } from "../../ui/src/measures.ts";
import type * as page from "../../ui/src/types.ts";
import type { PipelineRow } from "../../src/client/index.ts";
import type { InputRow, ProcessRow } from "../../src/engine/rows.ts";
import type { StreamMessages } from "../../src/http/stream/messages.ts";
import type { DeadLetterGroup, EventRow, Journey, Page } from "../../src/journal/history.ts";
import type { Graph } from "../../src/topology/types.ts";

// The page may not import the server and so says by itself what it reads; here both must agree.

test("what the API answers is what the page reads", () => {
  expectTypeOf<PipelineRow>().toExtend<page.PipelineInfo>();
  expectTypeOf<Graph>().toExtend<page.Graph>();
  expectTypeOf<InputRow>().toExtend<page.InputRow>();
  expectTypeOf<ProcessRow>().toExtend<page.ProcessRow>();
  expectTypeOf<EventRow>().toExtend<page.EventRow>();
  expectTypeOf<Journey>().toExtend<page.Journey>();
  expectTypeOf<DeadLetterGroup>().toExtend<page.DeadLetterGroup>();
  expectTypeOf<Page<InputRow>>().toExtend<page.Page<page.InputRow>>();
});

test("what the stream says is what the page listens to", () => {
  expectTypeOf<StreamMessages["hello"]>().toExtend<page.Hello>();
  expectTypeOf<StreamMessages["stats"]>().toExtend<Stats>();
  expectTypeOf<StreamMessages["rows"]>().toExtend<page.Rows>();
});
