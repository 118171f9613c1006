// What the page of the Uppy test runs: Uppy's core with its tus plugin, told what to do through globals.

import Uppy from "@uppy/core";
import Tus from "@uppy/tus";

export interface UppyTold {
  state: "sending" | "done" | "failed";
  sent: number;
  errors: string[];
  urls: (string | undefined)[];
}

declare global {
  var uppyTold: UppyTold;
  var uppyBegin: (options: object) => void;
  var uppyPause: () => void;
}

globalThis.uppyBegin = (options) => {
  const told: UppyTold = { state: "sending", sent: 0, errors: [], urls: [] };
  globalThis.uppyTold = told;
  const uppy = new Uppy({ autoProceed: false }).use(Tus, {
    retryDelays: [0, 100, 200, 400, 800],
    ...options,
  });
  uppy.on("upload-progress", (_file, { bytesUploaded }) => {
    told.sent = Math.max(told.sent, Number(bytesUploaded));
  });
  uppy.on("upload-error", (_file, error) => told.errors.push(String(error)));
  uppy.on("complete", ({ successful = [], failed = [] }) => {
    told.urls = successful.map(({ uploadURL }) => uploadURL);
    told.state = failed.length === 0 ? "done" : "failed";
  });
  const input = document.querySelector("input");
  for (const file of input?.files ?? []) uppy.addFile(file);
  // Pausing is by file; a second call goes on.
  globalThis.uppyPause = () => {
    for (const { id } of uppy.getFiles()) uppy.pauseResume(id);
  };
  void uppy.upload();
};
