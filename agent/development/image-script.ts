/**
 * Runs on Node inside a service's released image, in its working folder, and is the one place that compares a checkout's
 * dependencies with the image's. `node -e` takes it as it is, so that it is plain CommonJS.
 *
 * Without a word: reads `{package, lock}` (texts) on stdin, prints an `ImageView`. With `install`: reads the package files
 * in /mojabox-checkout, and has npm install what differs; exit code 1 when it cannot.
 *
 * A direct dependency agrees when the installed version is the locked one; without a lock, when the range is the released
 * one's or just the installed version. What the release names and leaves out (a tool that it runs without) agrees too.
 */
export const IMAGE_SCRIPT = `
const fs = require('node:fs')
const { spawnSync } = require('node:child_process')
const text = (path) => { try { return fs.readFileSync(path, 'utf8') } catch { return undefined } }
const json = (content) => { try { return JSON.parse(content) } catch { return undefined } }
const from = process.env.MOJABOX_CHECKOUT || '/mojabox-checkout'
const install = process.argv[1] === 'install'
const given = install ? { package: text(from + '/package.json'), lock: text(from + '/package-lock.json') } : json(text(0))
const wanted = json(given.package) || {}
const locks = (json(given.lock) || {}).packages || {}
const released = json(text('package.json')) || {}
const differing = Object.entries(wanted.dependencies || {}).flatMap(([name, range]) => {
  const installed = (json(text('node_modules/' + name + '/package.json')) || {}).version
  const locked = (locks['node_modules/' + name] || {}).version
  const asReleased = range === (released.dependencies || {})[name]
  const same = installed ? installed === (locked || range) || (asReleased && !locked) : asReleased
  return same ? [] : [{ name, wanted: locked || range, installed: installed || null }]
})
const npm = spawnSync('npm', ['--version']).status === 0
if (!install) {
  console.log(JSON.stringify({ folder: process.cwd(), entries: fs.readdirSync('.'), npm, differing }))
} else if (differing.length > 0) {
  for (const { name, wanted, installed } of differing) console.log(name + ': ' + (installed || 'not there') + ', wanted ' + wanted)
  if (!npm) { console.log('ERROR: the image has no npm to install them'); process.exit(1) }
  for (const file of fs.readdirSync(from)) fs.copyFileSync(from + '/' + file, file)
  const words = [given.lock ? 'ci' : 'install', '--omit=dev', '--no-audit', '--no-fund', '--fetch-retries=0', '--fetch-timeout=20000']
  process.exit(spawnSync('npm', words, { stdio: 'inherit' }).status === 0 ? 0 : 1)
}
`
