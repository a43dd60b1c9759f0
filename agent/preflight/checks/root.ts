import { type Check, fail, pass, warn } from '../check.ts'

/** Installing needs root, at once or through sudo. */
export const root: Check = {
  id: 'root',
  title: 'Right to install',
  run({ user }) {
    const needed = 'root, or a user who may use sudo'
    if (user.isRoot) return pass('root', needed)
    const found = `user ${user.uid}`
    switch (user.sudo) {
      case 'free':
        return pass(`${found} with sudo`, needed)
      case 'password':
        return warn(`${found}, whom sudo asks for a password`, needed, 'run the same command with sudo in front')
      case null:
        return warn(`${found}, sudo gave no answer`, needed, 'try: sudo true')
      case 'missing':
        return fail(
          `${found}, and there is no sudo`,
          needed,
          'log in as root, or install sudo as root: apt-get install sudo',
        )
      default:
        return fail(
          `${found}, who may not use sudo`,
          needed,
          'let an administrator add the user: sudo usermod -aG sudo NAME',
        )
    }
  },
}
