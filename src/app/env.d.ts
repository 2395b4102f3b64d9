/** Names the build, so that page and worker notice when they differ. */
declare const BUILD: string
