import './node-version.mjs'
import { install, PACKAGES } from './debian.mjs'
import { setup } from './setup.mjs'
import { Failure, isRoot, runHere, runMain } from './steps.mjs'

await runMain(async () => {
  if (!isRoot) {
    throw new Failure(
      'The demo makes network namespaces and TAP devices, which takes root:\n\n  sudo npm start\n\n' +
        'It touches no interface and no firewall rule of this machine, and removes what it made.',
    )
  }
  await setup()
  const absent = await install(PACKAGES.demo)
  if (absent.length > 0) {
    throw new Failure(
      `The demo needs these programs, by the names of their Debian packages: ${absent.join(' ')}`,
    )
  }
  return runHere(
    process.execPath,
    ['--enable-source-maps', 'dist/src/cli/main.js', 'demo', ...process.argv.slice(2)],
    {
      input: true,
    },
  )
})
