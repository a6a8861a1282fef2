import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { get } from "../api.ts";
import { formatCount, visible } from "../format.ts";
import { useMay } from "../live.ts";
import { Empty, Time, Trouble } from "../parts/basics.tsx";
import { Bulk } from "../parts/bulk.tsx";
import { EditDialog } from "../parts/edit.tsx";
import { RunsTable } from "../parts/runs-table.tsx";
import { Sheet } from "../parts/sheet.tsx";
import { useLoaded, useStream } from "../parts/use.ts";
import { href } from "../router.ts";
import type { RunFilter } from "../run-filter.ts";
import type { DeadLetterGroup, Page, RunRow } from "../types.ts";

/** What failed for good, grouped by process and error. */
export function DeadPage(): VNode {
  const { value, error, reload } = useLoaded(
    (signal) => get<Page<DeadLetterGroup>>("dead-letters", {}, signal),
    [],
  );
  useStream(["runs", "hello"], reload);
  const [asked, setAsked] = useState<{ title: string; filter: RunFilter } | undefined>(undefined);
  const close = (): void => {
    setAsked(undefined);
    reload();
  };
  const mayAct = useMay("operator");
  const [edited, setEdited] = useState<RunRow | undefined>(undefined);
  const groups = value?.items ?? [];
  const total = groups.reduce((sum, { count }) => sum + count, 0);
  return (
    <Sheet
      title="Dead letters"
      about="Runs that are out of attempts. Each is kept until it is replayed or given up."
      actions={
        mayAct &&
        total > 0 && (
          <button
            class="btn main"
            type="button"
            onClick={() => setAsked({ title: "Replay every dead run", filter: { state: "dead" } })}
          >
            Replay all…
          </button>
        )
      }
    >
      {error !== undefined && <Trouble error={error} />}
      {value !== undefined && groups.length === 0 && (
        <div class="card">
          <Empty title="Nothing is dead">Every run so far succeeded, is on its way, or was cancelled.</Empty>
        </div>
      )}
      {groups.length > 0 && (
        <div class="card">
          {groups.map((group) => (
            <Group
              key={group.fingerprint}
              group={group}
              mayAct={mayAct}
              onEdit={() => setEdited(group.newest)}
              onReplay={() =>
                setAsked({ title: `Replay this group of ${group.process}`, filter: filterOf(group) })
              }
            />
          ))}
        </div>
      )}
      {edited !== undefined && (
        <EditDialog run={edited} onClose={() => setEdited(undefined)} onDone={reload} />
      )}
      {asked !== undefined && (
        <Bulk
          {...asked}
          about="They will begin again under their ids, with the payload that they had."
          action="replay"
          onClose={close}
          onDone={close}
        />
      )}
    </Sheet>
  );
}

function filterOf({ process, fingerprint }: DeadLetterGroup): RunFilter {
  return { state: "dead", process, fingerprint };
}

interface GroupProps {
  readonly group: DeadLetterGroup;
  readonly mayAct: boolean;
  readonly onEdit: () => void;
  readonly onReplay: () => void;
}

function Group({ group, mayAct, onEdit, onReplay }: GroupProps): VNode {
  const [isOpen, setOpen] = useState(false);
  const { process, error, count, firstSeen, lastSeen, newest } = group;
  return (
    <>
      <section class="group" aria-label={`${visible(process)}, ${visible(error.code)}`}>
        <div class="count">
          {formatCount(count)}
          <span class="hidden"> dead runs</span>
        </div>
        <div class="what">
          <h2>
            {visible(process)} <span class="muted mono">{visible(error.code)}</span>
          </h2>
          <p class="message">{visible(error.message)}</p>
          <p class="muted">
            last <Time at={lastSeen} />, first <Time at={firstSeen} />
          </p>
        </div>
        <div class="row">
          <button class="btn" type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
            {isOpen ? "Hide runs" : "Show runs"}
          </button>
          <a class="btn" href={href("run", newest.id)}>
            Newest
          </a>
          {mayAct && (
            <>
              <button class="btn" type="button" onClick={onEdit}>
                Edit newest…
              </button>
              <button class="btn" type="button" onClick={onReplay}>
                Replay group…
              </button>
            </>
          )}
        </div>
      </section>
      {isOpen && <GroupRuns group={group} />}
    </>
  );
}

function GroupRuns({ group }: { group: DeadLetterGroup }): VNode {
  const { value, error } = useLoaded(
    (signal) => get<Page<RunRow>>("runs", { ...filterOf(group), limit: 20 }, signal),
    [group.fingerprint, group.count],
  );
  return (
    <div class="sub">
      {error !== undefined && <Trouble error={error} />}
      <RunsTable runs={value?.items ?? []} />
      <div class="more">
        <a href={href("runs", "", filterOf(group))}>All of them among the runs</a>
      </div>
    </div>
  );
}
