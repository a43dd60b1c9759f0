/**
 * Loads the scripts of the application and runs it on some command lines, then writes V8's code caches with the
 * functions that were used. It runs on the target's own Node: `node warm.cjs <folder> <command lines as JSON>`; the
 * build compiles it by itself. Prints, as JSON, the command lines that did not end with exit code 0.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Script } from 'node:vm'
import { requireScripts } from './chunks.ts'

const [, , folder = '', commandLines = '[]'] = process.argv
const scripts = new Map<string, Script>()
for (const name of readdirSync(folder)) {
  const source = readFileSync(join(folder, name), 'latin1')
  scripts.set(name, new Script(source, { filename: `mojabox/${name}` }))
}

// The application gets these in another form, so that it neither prints nor ends the process.
const print = process.stdout.write.bind(process.stdout)
const printError = process.stderr.write.bind(process.stderr)
const exit = process.exit.bind(process)

warm(JSON.parse(commandLines)).then(
  (failed) => print(JSON.stringify(failed), () => exit(0)),
  (error) => printError(`${error.stack}\n`, () => exit(1)),
)

async function warm(commands: string[][]): Promise<string[][]> {
  const failed: string[][] = []
  process.stdout.write = process.stderr.write = swallow
  for (const args of commands) if ((await run(args)) !== 0) failed.push(args)
  const load = requireScripts(scriptNamed, require)
  for (const name of scripts.keys()) if (name !== 'main.js') load(`./${name}`)
  for (const [name, script] of scripts) writeFileSync(join(folder, `${name}.cache`), script.createCachedData())
  return failed
}

/** Writes nothing, and tells who waits that it is written. */
function swallow(...args: unknown[]): boolean {
  const written = args.at(-1)
  if (typeof written === 'function') written()
  return true
}

function run(args: string[]): Promise<unknown> {
  return new Promise((resolve, reject) => {
    process.once('beforeExit', () => reject(new Error(`'${args.join(' ')}' stopped without calling process.exit`)))
    process.argv = [process.execPath, process.execPath, ...args]
    process.exit = resolve as typeof process.exit
    requireScripts(scriptNamed, require)('./main.js')
  })
}

function scriptNamed(name: string): Script {
  const script = scripts.get(name)
  if (!script) throw new Error(`no script ${name}`)
  return script
}
