import type { Command } from 'commander'
import type { TestOptions } from '../actions/test-checkout.ts'
import type { E2eOptions } from '../actions/test-end-to-end.ts'
import type { TestKind } from '../testing/npm-script.ts'
import type { Io } from './io.ts'
import { addHostChoice, addSiteOptions, again } from './site-options.ts'

/** `mojabox test unit|integration|e2e`. */
export function addTestCommand(program: Command, io: Io): void {
  const test = program
    .command('test')
    .description('tests against the hub; their exit code is this command’s, whatever its value')
  addCheckoutTests(test, 'unit', 'a checkout’s unit tests', io)
  addCheckoutTests(test, 'integration', 'a checkout’s integration tests, with the hub’s database, Kafka and cache', io)
  addHostChoice(addSiteOptions(test.command('e2e')))
    .argument('[collections...]', 'files or folders among the collections', ['tests'])
    .description('testing-toolkit collections that the hub was installed with, against the whole hub, offline')
    .option('--collections <PATH>', 'collections of your own instead: a folder, or one file')
    .option('--environment <FILE>', 'the toolkit’s environment; default: the one beside the collections')
    .option('--labels <LABELS>', 'only what has one of these labels, comma-separated', '')
    .option('--report <PATH>', 'FILE.xml (JUnit), FILE.html, or a folder for both; again for more', again)
    .addHelpText(
      'after',
      '\nExamples:\n  mojabox test e2e\n  mojabox test e2e tests/p2p.json --report results\n  mojabox test e2e --collections ./collections --environment env.json --labels std\n',
    )
    .action(async (collections: string[], options: E2eOptions) => {
      const { testEndToEnd } = await import('../actions/test-end-to-end.ts')
      await testEndToEnd(collections, options, io)
    })
}

function addCheckoutTests(test: Command, kind: TestKind, description: string, io: Io): void {
  addHostChoice(addSiteOptions(test.command(kind)))
    .argument('[service]', 'the service whose variables they get; default: the checkout’s own name')
    .description(description)
    .option('--path <PATH>', 'the checkout', '.')
    .option('--script <NAME>', 'the script of its package.json that runs them')
    .option('--hub', 'unit tests too get the hub’s variables')
    .option('--report <PATH>', 'FILE.xml (JUnit), FILE.html, or a folder for both; again for more', again)
    .addHelpText(
      'after',
      `\nExamples:\n  mojabox test ${kind}\n  mojabox test ${kind} central-ledger --path ~/src/central-ledger --report results\n`,
    )
    .action(async (service: string | undefined, options: TestOptions) => {
      const { testCheckout } = await import('../actions/test-checkout.ts')
      await testCheckout(kind, service, options, io)
    })
}
