/**
 * Stops with a plain sentence where Node is too old. Imported first by every script, and written so that
 * old versions can read it: whoever runs one gets this message and no syntax error.
 */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(
    `Tapwire needs Node.js 20.19 or newer, and this is ${process.version} (${process.execPath}).\n` +
      'Install a current Node.js (https://nodejs.org/en/download, or your distribution) and run the command again.',
  )
  process.exit(1)
}
if (process.platform !== 'linux') {
  console.error(
    `Tapwire runs on Linux only: it needs network namespaces and TAP devices. This is ${process.platform}.`,
  )
  process.exit(1)
}
