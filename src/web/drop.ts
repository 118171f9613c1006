// Files dragged onto the page: an area takes them, and anywhere else the browser is kept from opening one in the page's place.

import { type DragEvent as AreaDragEvent, useEffect, useState } from "react";

/** Handlers for the area's element; `isOver` while files are held above it. Folders are left out: a browser cannot read one. */
export function useDrop(onFiles: (files: readonly File[]) => void) {
  const [isOver, setOver] = useState(false);
  return {
    isOver,
    handlers: {
      onDragOver: (event: AreaDragEvent) => {
        if (!holdsFiles(event)) return;
        event.preventDefault();
        setOver(true);
      },
      onDragLeave: ({ currentTarget, relatedTarget }: AreaDragEvent) => {
        // Onto something inside it is not out of it.
        if (!(relatedTarget instanceof Node && currentTarget.contains(relatedTarget))) setOver(false);
      },
      onDrop: (event: AreaDragEvent) => {
        if (!holdsFiles(event)) return;
        event.preventDefault();
        setOver(false);
        onFiles(filesOf(event.dataTransfer));
      },
    },
  };
}

/** A file that is dropped beside an area would be opened instead of this page, and end all that it sends. */
export function useKeepPage(): void {
  useEffect(() => {
    const refuse = (event: DragEvent): void => {
      if (event.defaultPrevented || !event.dataTransfer || !holdsFiles({ dataTransfer: event.dataTransfer }))
        return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "none";
    };
    window.addEventListener("dragover", refuse);
    window.addEventListener("drop", refuse);
    return () => {
      window.removeEventListener("dragover", refuse);
      window.removeEventListener("drop", refuse);
    };
  }, []);
}

function holdsFiles({ dataTransfer }: { readonly dataTransfer: DataTransfer }): boolean {
  return dataTransfer.types.includes("Files");
}

function filesOf({ items }: DataTransfer): readonly File[] {
  return [...items].flatMap((item) => {
    const file = item.webkitGetAsEntry()?.isDirectory ? null : item.getAsFile();
    return file ? [file] : [];
  });
}
