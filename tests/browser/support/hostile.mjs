// What a model might write to break out of a chat. Each script in it adds to `ran` if it runs.

/** Markdown, HTML and characters that must only be shown. */
export const HOSTILE = [
  '<script>ran.push(1)</script><img src=x onerror="ran.push(2)"><svg onload=ran.push(3)><iframe ' +
    'srcdoc="<script>parent.ran.push(4)</script>"></iframe>',
  '<a href="javascript:ran.push(5)" onclick="ran.push(6)">a</a><style>*{display:none}</style><base ' +
    'href="//evil.example/"><form action="//evil.example"><input name=a>',
  '[a](javascript:ran.push(7)) [b](JaVaScRiPt:ran.push(8)) [c](data:text/html,<script>1</script>) ' +
    '[d](vbscript:1) [e]( java\tscript:1) [f](&#106;avascript:ran.push(9))',
  '[g](https://good.example@evil.example/) <javascript:ran.push(10)> [h]: javascript:ran.push(11)\n\n[h] ' +
    '![i](https://evil.example/i.png) ![j](javascript:1)',
  `| ${'c | '.repeat(400)}\n|${'-|'.repeat(400)}\n${`| ${'x'.repeat(50)} `.repeat(30)}|`,
  `\u202eesrever\u202c \u2066isolate ${'ẗ̸̢̛́'.repeat(200)} ${'W'.repeat(5000)}`,
  `${'> '.repeat(3000)}deep`,
  `${'- '.repeat(500)}deep`,
  `${'- '.repeat(900)}deep${'\nand lazy\n'.repeat(60)}`,
  `${'> '.repeat(500)}deep${'\nand lazy\n'.repeat(150)}`,
  `${'**a['.repeat(500)}${'*~<'.repeat(600)}`,
  `${'['.repeat(2500)}${'*_'.repeat(1500)}`,
  `${'| a '.repeat(10)}|\n${'|---'.repeat(10)}|\n${`${'| b '.repeat(10)}|\n`.repeat(2000)}`,
  '```html\n<script>ran.push(12)</script>\n'.padEnd(20_000, 'unclosed '),
].join('\n\n');
