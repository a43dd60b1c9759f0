import { Argument, type Command } from 'commander'
import type { Io } from './io.ts'

export function addCompletionCommand(program: Command, io: Io): void {
  program
    .command('completion')
    .addArgument(new Argument('[shell]', 'whose').choices(['bash']).default('bash'))
    .description('print shell completion')
    .addHelpText('after', '\nExample:\n  mojabox completion bash > /etc/bash_completion.d/mojabox\n')
    .action(() => io.stdout(bashCompletion(program)))
}

/** Words of each command, from the program itself. */
function bashCompletion(program: Command): string {
  const visible = program.commands.filter((command) => !(command as Command & { _hidden?: boolean })._hidden)
  const cases = visible.map((command) => {
    const words = [
      ...command.commands.map((inner) => inner.name()),
      ...command.options.filter((option) => !option.hidden).map((option) => option.long ?? ''),
    ]
    return `    ${command.name()}) words="${words.filter(Boolean).join(' ')}";;`
  })
  return `_mojabox() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words="${visible.map((command) => command.name()).join(' ')}"
  if [ "$COMP_CWORD" -gt 1 ]; then case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
    *) words="";;
  esac; fi
  COMPREPLY=($(compgen -W "$words" -o default -- "$current"))
}
complete -F _mojabox mojabox
`
}
