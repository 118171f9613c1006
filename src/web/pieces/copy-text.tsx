// A short form of a long text, which copies all of it.

import { ActionIcon, CopyButton, Tooltip } from "@mantine/core";
import type { ReactNode } from "react";
import { Check, Copy } from "./icons.tsx";

export function CopyText({
  text,
  shown,
  label,
}: {
  readonly text: string;
  readonly shown: string;
  readonly label: string;
}): ReactNode {
  return (
    <span className="copy">
      <code title={text}>{shown}</code>
      {/* Browsers lend the clipboard to https and localhost only; elsewhere the title shows the whole text. */}
      {window.isSecureContext && <CopyAction text={text} label={label} />}
    </span>
  );
}

function CopyAction({ text, label }: { readonly text: string; readonly label: string }): ReactNode {
  return (
    <CopyButton value={text} timeout={1500}>
      {({ copied, copy }) => (
        <Tooltip label={copied ? "Copied" : label}>
          <ActionIcon
            variant="subtle"
            color={copied ? "moss" : "gray"}
            size="sm"
            aria-label={label}
            onClick={copy}
          >
            {copied ? <Check /> : <Copy />}
          </ActionIcon>
        </Tooltip>
      )}
    </CopyButton>
  );
}
