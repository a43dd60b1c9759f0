/** A package URL (github.com/package-url/purl-spec), its parts unencoded. */
export interface PackageUrl {
  type: 'apk' | 'deb' | 'generic' | 'npm' | 'oci'
  namespace?: string | undefined
  name: string
  version: string
  qualifiers?: Record<string, string | undefined> | undefined
}

/** `pkg:deb/debian/libc6@2.36-9?arch=amd64`; qualifiers without a value are left out. */
export function purlText({ type, namespace, name, version, qualifiers = {} }: PackageUrl): string {
  const path = [...(namespace === undefined ? [] : [namespace]), name].map(encoded).join('/')
  const query = Object.entries(qualifiers)
    .flatMap(([key, value]) => (value ? [`${key}=${encoded(value).replaceAll('%2F', '/')}`] : []))
    .sort()
    .join('&')
  return `pkg:${type}/${path}@${encoded(version)}${query === '' ? '' : `?${query}`}`
}

/** A colon stays as it is; what `encodeURIComponent` leaves besides letters, digits and `-._~` does not. */
function encoded(text: string): string {
  return encodeURIComponent(text)
    .replaceAll('%3A', ':')
    .replaceAll(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
}
