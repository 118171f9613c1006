// The ways to a file's bytes: the browser's own download, and one by ranges that is verified before the file shows it.

import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import type { FileEntry } from "../../wire/api.ts";
import { startSave } from "../transfers.ts";
import { Download } from "./icons.tsx";

declare global {
  interface Window {
    /** Not in every browser, and only on https and localhost. */
    showSaveFilePicker?: (options: { suggestedName: string }) => Promise<FileSystemFileHandle>;
  }
}

export function DownloadFile({
  file,
  label,
}: {
  readonly file: FileEntry;
  readonly label: string;
}): ReactNode {
  return (
    <Button
      component="a"
      href={file.url}
      download={file.name}
      size="compact-sm"
      variant="light"
      leftSection={<Download />}
      aria-label={`Download ${file.name || file.id}`}
    >
      {label}
    </Button>
  );
}

/** Nothing where the browser cannot write files. */
export function SaveFile({ file }: { readonly file: FileEntry }): ReactNode {
  if (window.showSaveFilePicker === undefined) return null;
  const save = async (): Promise<void> => {
    const target = await chooseTarget(file.name || file.id);
    if (target) startSave(file, target);
  };
  return (
    <Button size="compact-sm" variant="light" w="fit-content" onClick={() => void save()}>
      Save and verify
    </Button>
  );
}

async function chooseTarget(suggestedName: string): Promise<FileSystemFileHandle | undefined> {
  try {
    return await window.showSaveFilePicker?.({ suggestedName });
  } catch (error) {
    // The reader has closed the dialog.
    if (error instanceof DOMException && error.name === "AbortError") return undefined;
    throw error;
  }
}
