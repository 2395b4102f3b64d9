/** How an id is shown: twelve characters, without the algorithm of a digest. */
export const shortId = (id: string): string => id.replace(/^[a-z0-9]+:/, '').slice(0, 12)
