// The paths of our HTTP interface, named once for the doors that serve them and the clients that call them.

export const ROUTES = {
  /** Image chunks in JSON. */
  images: "/image",
  imageChunks: "/image/:sha256/chunks",
  image: "/image/:sha256",

  /** Dropzone uploads that become aggregation jobs. */
  dropzoneUpload: "/api/upload_file",
  dropzoneStatus: "/api/file_status/:id",
  dropzoneDownload: "/api/download_file/:id",

  /** Merges of a date range. */
  mergeInitiate: "/initiate",
  mergeDownload: "/download/:id",

  /** tus 1.0, and the IETF's resumable uploads. */
  tusUploads: "/uploads",
  tusUpload: "/uploads/:id",

  /** Our own. */
  files: "/api/files",
  fileRecord: "/api/files/:id",
  file: "/files/:id",
  uploads: "/api/uploads",
  upload: "/api/uploads/:id",
  jobs: "/api/jobs",
  job: "/api/jobs/:id",
  /** Server-sent events of all jobs, for as long as they are read. */
  jobsEvents: "/api/jobs/events",
  /** Server-sent events until the job has ended. */
  jobEvents: "/api/jobs/:id/events",
  jobRetry: "/api/jobs/:id/retry",
  /** Many jobs at once. */
  jobsRetry: "/api/jobs/retry",
  jobsCancel: "/api/jobs/cancel",
  jobsDelete: "/api/jobs/delete",
  /** The kinds of jobs, with their counts. */
  kinds: "/api/kinds",
  kindsPause: "/api/kinds/pause",
  kindsResume: "/api/kinds/resume",
  workers: "/api/workers",
  keys: "/api/keys",
  /** `?key=` percent-encoded bytes: the whole value as a download. */
  value: "/api/value",
  /** `?key=`: the beginning of the value, as text or hexadecimal digits. */
  valuePreview: "/api/value/preview",
  status: "/api/status",
  openapi: "/api/openapi.json",
  health: "/healthz",
  metrics: "/metrics",
} as const;

/** `path` with its `:name` parameters filled in, each percent-encoded. */
export function pathTo(path: string, params: Readonly<Record<string, string>>): string {
  return path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ""));
}
