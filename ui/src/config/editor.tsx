import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { AppliedPlan, PipelinePlan } from "../../../src/model/pipeline-plan.ts";
import { post, put } from "../api.ts";
import { visible } from "../format.ts";
import { act, Trouble } from "../parts/basics.tsx";
import { Plan } from "./plan.tsx";

const FORMATS = ["toml", "yaml", "json"] as const;
export type Format = (typeof FORMATS)[number];

/** What is to become of the pipeline, as the API takes it. */
export type Proposed = { readonly source: string; readonly format: Format } | { readonly rollback: number };

export interface EditorProps {
  /** The text that it runs on, its references unresolved; empty where that is not known. */
  readonly text: string;
  readonly format: Format;
  readonly mayChange: boolean;
  readonly onDone: () => void;
}

/** Plans what a text would change, and applies it. */
export function Editor({ text, format, mayChange, onDone }: EditorProps): VNode {
  const [edited, setEdited] = useState<string | undefined>(undefined);
  const [chosen, setChosen] = useState<Format | undefined>(undefined);
  const source = edited ?? text;
  return (
    <section class="card pad stack">
      <h2>Plan a change</h2>
      <p class="muted">
        Edit the text, or paste another. A reference such as <code>{"${env:NAME}"}</code> stays one: no secret
        is shown here, nor written back.
      </p>
      <label class="field">
        <span>Configuration</span>
        <textarea
          value={source}
          spellcheck={false}
          onInput={(event) => setEdited(event.currentTarget.value)}
        />
      </label>
      <label class="field">
        <span>Format</span>
        <select value={chosen ?? format} onChange={(event) => setChosen(event.currentTarget.value as Format)}>
          {FORMATS.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
      <Proposal
        key={`${chosen ?? format} ${source}`}
        proposed={{ source, format: chosen ?? format }}
        mayChange={mayChange}
        onDone={() => {
          setEdited(undefined);
          onDone();
        }}
      />
    </section>
  );
}

export interface ProposalProps {
  readonly proposed: Proposed;
  readonly mayChange: boolean;
  readonly onDone: () => void;
}

/** Nothing is applied that was not planned: what is applied is what replaces the version that the plan was made for. */
export function Proposal({ proposed, mayChange, onDone }: ProposalProps): VNode {
  const [plan, setPlan] = useState<PipelinePlan | undefined>(undefined);
  const [error, setError] = useState<unknown>(undefined);
  const [open, setOpen] = useState<"drain" | "cancel" | undefined>(undefined);
  const [isBusy, setBusy] = useState(false);
  const during = async (work: () => Promise<void>): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      await work();
    } catch (reason) {
      setError(reason);
    } finally {
      setBusy(false);
    }
  };
  const makePlan = (): Promise<void> =>
    during(async () => setPlan(await post<PipelinePlan>("pipeline/plan", proposed)));
  const apply = ({ version }: PipelinePlan): Promise<void> =>
    during(async () => {
      const body = open === undefined ? proposed : { ...proposed, open };
      const applied = await put<AppliedPlan>("pipeline", body, { "if-match": `"${version}"` });
      await act(`Version ${applied.version} runs`, () => Promise.resolve());
      setPlan(undefined);
      onDone();
    });
  const isDecided = plan !== undefined && (plan.undecided.length === 0 || open !== undefined);
  const isAllowed = mayChange && plan?.localOnly.length === 0;
  return (
    <>
      {error !== undefined && <Refusal error={error} />}
      {plan !== undefined && <Plan plan={plan} />}
      {plan !== undefined && plan.undecided.length > 0 && (
        <fieldset class="row">
          <legend>Open runs of {visible(plan.undecided.join(", "))}</legend>
          {(["drain", "cancel"] as const).map((one) => (
            <label key={one}>
              <input type="radio" name="open" checked={open === one} onChange={() => setOpen(one)} />{" "}
              {one === "drain" ? "Finish them first" : "Cancel them"}
            </label>
          ))}
        </fieldset>
      )}
      <div class="row">
        <button class="btn" type="button" disabled={isBusy} onClick={() => void makePlan()}>
          Plan
        </button>
        {plan !== undefined && isAllowed && plan.changes.length > 0 && (
          <button
            class="btn main"
            type="button"
            disabled={isBusy || !isDecided}
            onClick={() => void apply(plan)}
          >
            Apply
          </button>
        )}
      </div>
    </>
  );
}

interface Issue {
  readonly line: number | null;
  readonly column: number | null;
  readonly code: string;
  readonly message: string;
}

/** What is wrong with a text is told with the place of each issue. */
function Refusal({ error }: { error: unknown }): VNode {
  const { details } = error as { readonly details?: { readonly issues?: readonly Issue[] } };
  if (details?.issues === undefined) return <Trouble error={error} />;
  return (
    <ul class="list" role="alert">
      {details.issues.map(({ line, column, code, message }, i) => (
        <li key={i} class="t-bad wrap">
          {line !== null && line !== undefined && `line ${line}:${column ?? 1} `}
          <code>{visible(code)}</code> {visible(message)}
        </li>
      ))}
    </ul>
  );
}
