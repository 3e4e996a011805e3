/**
 * The completion of bash. @bomb.sh/tab has one, too, but that needs the package bash-completion, and evaluates what stands on
 * the command line to ask about it: with `tapwire exec $(reboot) ` and the Tab key the machine would go down.
 *
 * bash breaks words at = and : as well, so they are put together again, and the part in front of the last break is taken
 * off the candidates.
 */
export const BASH_COMPLETION = String.raw`# bash completion for tapwire
_tapwire() {
  local words=() word glued='' line directive i
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ -n $glued || $word == [=:]* ]] && ((\${#words[@]} > 0)); then
      words[\${#words[@]}-1]+=$word
    else
      words+=("$word")
    fi
    [[ $word == *[=:] ]] && glued=1 || glued=''
  done
  local last=\${words[\${#words[@]}-1]} head=''
  [[ $last == *[=:]* ]] && head=\${last%"\${last##*[=:]}"}
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :* ]]; then
      directive=\${line#:}
    else
      line=\${line%%$'\t'*}
      COMPREPLY+=("\${line#"$head"}")
    fi
  done < <(command tapwire complete -- "\${words[@]}" 2>/dev/null)
  [[ $directive == 0 ]] && compopt -o default
  [[ \${#COMPREPLY[@]} == 1 && \${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
complete -F _tapwire tapwire
`.replaceAll('\\${', '${')
