/**
 * A command that mojabox ran for the person ended so: its exit code is the exit code of mojabox, whatever its value.
 * Only for commands whose documentation says that (`exec`, `test`).
 */
export class CommandEnded extends Error {
  readonly code: number

  constructor(code: number) {
    super(`the command ended with exit code ${code}`)
    this.name = 'CommandEnded'
    this.code = code
  }
}
