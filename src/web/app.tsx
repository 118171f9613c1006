// The frame of the dashboard: where the reader can go, and the section shown.

import { ActionIcon, Anchor, Tooltip, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { type ReactNode, useEffect } from "react";
import { useKeepPage } from "./drop.ts";
import { formatDuration } from "./format.ts";
import { hrefTo, SECTIONS, type Section, usePlace } from "./location.ts";
import { Brand, Moon, Sun } from "./pieces/icons.tsx";
import { useStatus } from "./queries.ts";
import { Files } from "./sections/files.tsx";
import { Jobs } from "./sections/jobs.tsx";
import { Keys } from "./sections/keys.tsx";
import { Overview } from "./sections/overview.tsx";
import { Uploads } from "./sections/uploads.tsx";

const TITLES: Readonly<Record<Section, string>> = {
  overview: "Overview",
  keys: "Keys",
  uploads: "Uploads",
  files: "Files",
  jobs: "Jobs",
};

export function App(): ReactNode {
  const { section, params } = usePlace();
  useKeepPage();
  useEffect(() => {
    document.title = `${TITLES[section]} · Cairn`;
  }, [section]);
  return (
    <>
      <button type="button" className="skip" onClick={() => document.getElementById("main")?.focus()}>
        Skip to content
      </button>
      <header className="bar">
        <div className="bar-inner">
          <Anchor href="#/overview" className="brand" underline="never">
            <Brand /> Cairn
          </Anchor>
          <nav aria-label="Sections">
            {SECTIONS.map((name) => (
              <a key={name} href={hrefTo(name)} aria-current={name === section ? "page" : undefined}>
                {TITLES[name]}
              </a>
            ))}
          </nav>
          <Health />
          <SchemeToggle />
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {section === "overview" && <Overview params={params} />}
        {section === "keys" && <Keys params={params} />}
        {section === "uploads" && <Uploads params={params} />}
        {section === "files" && <Files params={params} />}
        {section === "jobs" && <Jobs params={params} />}
      </main>
    </>
  );
}

/** Whether the server answers, in a dot and two words. */
function Health(): ReactNode {
  const { data, isError } = useStatus();
  const state = isError ? "down" : data ? "up" : "waiting";
  const text = isError ? "No answer" : data ? `Up ${formatDuration(data.uptime)}` : "Connecting";
  return (
    <span
      className="health"
      data-state={state}
      role="status"
      title={data ? `Cairn ${data.version}` : undefined}
    >
      {text}
    </span>
  );
}

function SchemeToggle(): ReactNode {
  const { setColorScheme } = useMantineColorScheme();
  const dark = useComputedColorScheme("light") === "dark";
  const label = dark ? "Use light colours" : "Use dark colours";
  return (
    <Tooltip label={label}>
      <ActionIcon
        variant="subtle"
        color="gray"
        size="lg"
        aria-label={label}
        onClick={() => setColorScheme(dark ? "light" : "dark")}
      >
        {dark ? <Sun /> : <Moon />}
      </ActionIcon>
    </Tooltip>
  );
}
