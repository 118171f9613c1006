// Builds what is published beside the sources. Filled in by the rooms that need a build.
