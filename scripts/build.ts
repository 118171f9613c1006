// `npm run build`: the dashboard and the client library, into dist. `npm ci` runs it too.

import { buildClient } from "./build-client.ts";
import { buildWeb } from "./build-web.ts";

await Promise.all([buildClient(), buildWeb()]);
