import pRetry from 'p-retry'
import { factsOf, MojaboxError } from '../../bundles/format/error.ts'
import type { CommandResult, RunCommand } from '../contract/step.ts'
import type { Database } from '../deployments/core-test-harness/definition.ts'
import type { ValidateContext } from './context.ts'

/** Runs in the database's own container; the password is read there and is in no argv. $1 its file, $2 the user, $3 the schema. */
const CLIENT =
  'MYSQL_PWD="$(cat "$1")" exec mysql --host=127.0.0.1 --connect-timeout=3 --user="$2" --batch --skip-column-names "$3"'

/**
 * Rows of a query, each a list of texts. `sql` must hold nothing from outside.
 * @throws MojaboxError `database-unreachable` when its container does not run; `command-failed` with the client's words
 */
export async function query(
  context: Pick<ValidateContext, 'containers' | 'run'>,
  { service, user, schema, passwordFile }: Database,
  sql: string,
): Promise<string[][]> {
  const container = context.containers.find((found) => found.service === service)
  if (container?.state !== 'running') {
    throw new MojaboxError({
      code: 'database-unreachable',
      kind: 'step',
      message: `asking the database: ${service} ${container ? `is ${container.state}` : 'has no container'}`,
      next: `docker ps --all --filter name=${service}`,
    })
  }
  const argv = ['docker', 'exec', '--interactive', container.id, 'sh', '-c', CLIENT, 'sh', passwordFile, user, schema]
  const { stdout } = await execAgain(context.run, argv, sql)
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'))
}

/** A busy Docker now and then cannot start what it is to run (its code is 126): nothing was run, so it is asked again. */
function execAgain(run: RunCommand, argv: string[], input: string): Promise<CommandResult> {
  return pRetry(() => run(argv, { input, timeoutMs: 10_000 }), {
    retries: 2,
    minTimeout: 500,
    shouldRetry: ({ error }) => /OCI runtime exec failed/.test(factsOf(error).found ?? ''),
  })
}
