import type { Reporter, TestModule } from 'vitest/node'

/**
 * Names the tests in browsers that failed once and passed when they were tried again; no other test is. One that is named
 * more than once is to be mended.
 */
export default class SecondTries implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    for (const module of modules) {
      for (const test of module.children.allTests('passed')) {
        if (test.diagnostic()?.flaky !== true) continue
        const [error] = test.result().errors ?? []
        console.log(`second try: ${module.relativeModuleId}: ${test.fullName}: ${error?.message}`)
      }
    }
  }
}
