/** Docker's CLI whose grammar and output this one follows. */
export const CLI_VERSION = '28.5.2'
