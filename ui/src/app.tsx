import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { getToken, onRefusal, setToken } from "./api.ts";
import { formatCount, visible } from "./format.ts";
import {
  countOf,
  forgetLive,
  isConnected,
  live as liveStore,
  startLive,
  stopLive,
  trouble,
  type Live,
} from "./live.ts";
import { Empty, Toasts } from "./parts/basics.tsx";
import { Brand } from "./parts/brand.tsx";
import { Pending } from "./parts/sheet.tsx";
import { ConfigPage } from "./pages/config.tsx";
import { DeadPage } from "./pages/dead.tsx";
import { EventPage, EventsPage } from "./pages/event.tsx";
import { InputsPage } from "./pages/inputs.tsx";
import { Login } from "./pages/login.tsx";
import { PipelinePage } from "./pages/pipeline.tsx";
import { RunPage } from "./pages/run.tsx";
import { RunsPage } from "./pages/runs.tsx";
import { href, usePlace, type Place } from "./router.ts";
import { useStore } from "./store.ts";

const PAGES: readonly (readonly [page: string, title: string, also: readonly string[]])[] = [
  ["pipeline", "Pipeline", []],
  ["runs", "Runs", ["run"]],
  ["events", "Events", ["event"]],
  ["dead", "Dead letters", []],
  ["inputs", "Inputs", []],
  ["config", "Config", []],
];

export function App(): VNode {
  const [session, setSession] = useState<"open" | "asked" | "wrong">("open");
  useEffect(() => {
    startLive();
    const stop = onRefusal(() => {
      const wasGiven = getToken() !== "";
      stopLive();
      forgetLive();
      setToken("");
      setSession((before) => (wasGiven || before === "wrong" ? "wrong" : "asked"));
    });
    return () => {
      stop();
      stopLive();
    };
  }, []);
  if (session !== "open") {
    return (
      <Login
        isWrong={session === "wrong"}
        onToken={() => {
          setSession("open");
          startLive();
        }}
      />
    );
  }
  return <Frame />;
}

function Frame(): VNode {
  const live = useStore(liveStore);
  const error = useStore(trouble);
  const place = usePlace();
  const main = useRef<HTMLElement>(null);
  const where = `${place.page}/${place.rest}`;
  const before = useRef(where);
  const title =
    PAGES.find(([page, , also]) => page === place.page || also.includes(place.page))?.[1] ?? "Page";
  useEffect(() => {
    document.title = `${title} · ${live === undefined ? "sluice" : visible(live.info.name)}`;
  }, [title, live?.info.name]);
  useEffect(() => {
    // A new page begins at its top, for the eye and for the keyboard.
    if (before.current === where) return;
    before.current = where;
    main.current?.focus({ preventScroll: true });
    main.current?.scrollTo(0, 0);
  }, [where]);
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to the content
      </a>
      <Top live={live} place={place} />
      {live !== undefined && error !== undefined && (
        <div class="banner" role="alert">
          {visible(error.message)} What is shown may be old.
        </div>
      )}
      {live !== undefined && !live.info.journal.healthy && (
        <div class="banner" role="alert">
          The journal cannot be written: nothing is taken until it can.
        </div>
      )}
      <main ref={main} id="main" tabIndex={-1}>
        {live === undefined ? <Pending error={error} /> : <Content live={live} place={place} />}
      </main>
      <Toasts />
    </>
  );
}

function Content({ live, place }: { live: Live; place: Place }): VNode {
  const { page, rest } = place;
  if (page === "pipeline") return <PipelinePage live={live} place={place} />;
  if (page === "runs") return <RunsPage live={live} place={place} />;
  if (page === "run" && rest !== "") return <RunPage key={rest} id={rest} />;
  if (page === "events") return <EventsPage />;
  if (page === "event" && rest !== "") return <EventPage key={rest} uid={rest} />;
  if (page === "dead") return <DeadPage />;
  if (page === "inputs") return <InputsPage live={live} />;
  if (page === "config") return <ConfigPage live={live} />;
  return (
    <Empty title="There is no such page">
      <a href={href("pipeline")}>To the pipeline</a>
    </Empty>
  );
}

function Top({ live, place }: { live: Live | undefined; place: Place }): VNode {
  const isOn = useStore(isConnected);
  const dead = [...(live?.processes.values() ?? [])].reduce((sum, row) => sum + countOf(row, "dead"), 0);
  const hasToken = getToken() !== "";
  return (
    <header class="top">
      <Brand name={live?.info.name ?? "sluice"} />
      <nav class="nav" aria-label="Pages">
        {PAGES.map(([page, title, also]) => (
          <a
            key={page}
            href={href(page)}
            aria-current={page === place.page || also.includes(place.page) ? "page" : undefined}
          >
            {title}
            {page === "dead" && dead > 0 && <span class="pill">{formatCount(dead)}</span>}
          </a>
        ))}
      </nav>
      <div class="status">
        {live !== undefined && live.info.state !== "running" && (
          <strong class="t-warn">{live.info.state}</strong>
        )}
        <span class={isOn ? "live" : "live off"} role="status">
          <i />
          {isOn ? "Live" : "Reconnecting"}
        </span>
        {hasToken && (
          <button
            class="btn quiet"
            type="button"
            onClick={() => {
              setToken("");
              location.reload();
            }}
          >
            Sign out
          </button>
        )}
      </div>
    </header>
  );
}
