import type { Clock } from '../../ports/clock.ts'

const adjectives =
  'admiring adoring agitated amazing awesome blissful bold boring brave busy charming clever compassionate competent condescending confident cool cranky crazy dazzling determined distracted dreamy eager ecstatic elastic elated elegant eloquent epic exciting fervent festive flamboyant focused friendly frosty funny gallant gifted goofy gracious great happy hardcore heuristic hopeful hungry infallible inspiring intelligent interesting jolly jovial keen kind laughing loving lucid magical modest musing mystifying naughty nervous nice nifty nostalgic objective optimistic peaceful pedantic pensive practical priceless quirky quizzical recursing relaxed reverent romantic sad serene sharp silly sleepy stoic strange stupefied suspicious sweet tender thirsty trusting unruffled upbeat vibrant vigilant vigorous wizardly wonderful xenodochial youthful zealous zen'.split(
    ' ',
  )

const surnames =
  'agnesi albattani allen almeida archimedes aryabhata babbage banach bardeen bartik bassi bell benz bhabha bhaskara blackwell bohr booth borg bose bouman boyd brahmagupta brattain brown buck burnell carson cartwright cerf chandrasekhar chaplygin chatelet chebyshev clarke cohen colden cori cray curie curran darwin davinci dewdney dijkstra dirac driscoll easley edison einstein elbakyan elion ellis engelbart euclid euler faraday feistel fermat fermi feynman franklin gagarin galileo galois ganguly gates gauss germain goldberg goldstine golick goodall gould greider grothendieck haibt hamilton hawking heisenberg hellman hermann herschel hertz heyrovsky hodgkin hofstadter hoover hopper hugle hypatia jackson jang jemison jennings jepsen johnson joliot jones kalam kapitsa kare keldysh keller kepler khayyam khorana kilby kirch knuth kowalevski lalande lamarr lamport leakey leavitt lederberg lehmann lewin lichterman liskov lovelace lumiere mahavira margulis matsumoto maxwell mayer mccarthy mcclintock mclaren mclean mcnulty meitner mendel mendeleev meninsky merkle mestorf mirzakhani montalcini moore morse moser murdock napier nash neumann newton nightingale nobel noether northcutt noyce panini pare pascal pasteur payne perlman pike poincare poitras proskuriakova ptolemy raman ramanujan rhodes ride ritchie robinson roentgen rosalind rubin saha sammet sanderson satoshi shamir shannon shaw shirley shockley shtern sinoussi snyder solomon spence stonebraker sutherland swanson swartz swirles taussig tesla tharp thompson torvalds tu turing varahamihira vaughan villani visvesvaraya volhard wescoff wilbur wiles williams williamson wilson wing wozniak wright wu yalow yonath zhukovsky'.split(
    ' ',
  )

/** A name as Docker gives it: `elegant_lovelace`; with a digit when `retry` is not 0. */
export function randomName(clock: Clock, retry: number): string {
  const numbers = new Uint16Array(clock.randomBytes(6).slice().buffer)
  const pick = (list: readonly string[], index: number): string =>
    list[(numbers[index] ?? 0) % list.length] ?? ''
  const name = `${pick(adjectives, 0)}_${pick(surnames, 1)}`
  if (name === 'boring_wozniak') return randomName(clock, retry) // Steve Wozniak is not boring (moby).
  return retry > 0 ? `${name}${(numbers[2] ?? 0) % 10}` : name
}

/** With or without the leading slash (moby daemon/names). */
export const isContainerName = (name: string): boolean =>
  /^\/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)
