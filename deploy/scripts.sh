#!/usr/bin/env bash
# The scripts of the pages: types checked, pure ones tested. deploy/scripts.sh, from anywhere; the test command calls it.
#
# Each page is laid out in target/scripts as it is served: its own scripts and the shared ones in one folder, and its tests beside them.
# The type checker is TypeScript's, of one version and known by its hash; it is not committed and nothing that is served needs it.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/setup.sh
version=5.9.3
sha512=8e5d6f6733c38a72ebf5e52ddc9feded5e8580d130f508ef04f772b33f4a7d00c3e357d0ac2d98e2f290762694a454f86d795bd511e12e9a7cc2d9ba3394e04b
folder=target/scripts
checker="$folder/typescript-$version"
# Pages with scripts: the folder of their scripts, the folder of their tests.
pages=("crates/owner/src/app/page crates/owner/tests/page")

candor_debian_packages nodejs npm
mkdir -p "$folder"
if [ ! -f "$checker/package/bin/tsc" ]; then
    say "fetching TypeScript $version (once)"
    (cd "$folder" && npm pack --silent "typescript@$version" >/dev/null)
    echo "$sha512  $folder/typescript-$version.tgz" | sha512sum --check --quiet
    mkdir -p "$checker"
    tar -xzf "$folder/typescript-$version.tgz" -C "$checker"
fi

for page in "${pages[@]}"; do
    read -r scripts tests <<<"$page"
    laid="$folder/$(echo "$scripts" | tr / -)"
    rm -rf "$laid"
    mkdir -p "$laid"
    cp crates/page/src/assets/*.js "$scripts"/*.js "$scripts"/*.d.ts "$tests"/*.test.js "$laid"
    echo '{ "type": "module" }' >"$laid/package.json"
    cat >"$laid/tsconfig.json" <<'END'
{
  "compilerOptions": {
    "allowJs": true, "checkJs": true, "noEmit": true, "strict": true, "noFallthroughCasesInSwitch": true, "noUnusedLocals": true,
    "noUnusedParameters": true, "target": "es2023", "module": "es2022", "moduleResolution": "bundler", "lib": ["es2023", "dom", "dom.iterable"], "types": []
  },
  "exclude": ["*.test.js"]
}
END
    say "scripts in $scripts: types"
    node "$checker/package/bin/tsc" --project "$laid"
    say "scripts in $scripts: tests"
    (cd "$laid" && node --test --test-reporter=spec)
done
