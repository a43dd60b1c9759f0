/** A file system that is mounted. */
export interface Mount {
  path: string
  type: string
}

/** Where sticks and disks that come and go are mounted. */
const MEDIA = ['/media', '/run/media', '/mnt']
/** A server that is gone would hold the search up, and nothing else could. */
const OVER_NETWORK = /^(nfs|cifs|smb|9p|ceph|glusterfs|afs|fuse\.(sshfs|rclone|s3fs)|davfs)/

/** The removable media in the text of /proc/mounts. Pure. */
export function removableMounts(procMounts: string): Mount[] {
  const mounts = procMounts.split('\n').flatMap((line): Mount[] => {
    const [, path, type] = line.split(' ')
    return path === undefined || type === undefined ? [] : [{ path: unescaped(path), type }]
  })
  const media = mounts.filter(({ path, type }) => isMedia(path) && !OVER_NETWORK.test(type))
  return [...new Map(media.map((mount) => [mount.path, mount])).values()]
}

function isMedia(path: string): boolean {
  return MEDIA.some((folder) => path === folder || path.startsWith(`${folder}/`))
}

/** Blanks and the like are written as `\040`. */
function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}
