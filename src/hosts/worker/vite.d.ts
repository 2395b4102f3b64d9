/** Vite gives the address of a file that it bundles. */
declare module '*?url' {
  const url: string
  export default url
}
