/** A null is a variable without a value. */
export type Environment = Readonly<Record<string, string | null>>
/** As Go prints it: `1m30s`. */
export type DurationText = string
/** A whole number of bytes, in decimal. */
export type BytesText = string
