/**
 * File names and contents that would like to be a script: each marks the page, and asks for a beacon,
 * if it ever runs.
 */

/** What a script that runs does; `beacon` is an address that must never be asked for. */
const script = (beacon) => `globalThis.pwned=1;try{fetch('${beacon}',{mode:'no-cors'})}catch(e){};new Image().src='${beacon}'`;

/** Name, content type and content of forty uploads. */
export function hostileFiles(beacon) {
  const run = script(beacon);
  const html = `<!doctype html><title>hostile</title><script>${run}</script><img src=x onerror="${run}"><svg onload="${run}"></svg>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" onload="${run}"><script>${run}</script><rect width="9" height="9"/></svg>`;
  const xhtml = `<html xmlns="http://www.w3.org/1999/xhtml"><body><script>${run}</script></body></html>`;
  const xslt = `<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="#s"?><x><script xmlns="http://www.w3.org/1999/xhtml">${run}</script></x>`;
  const gifPolyglot = `GIF89a/*<script>${run}</script>*/=1;${run}`;
  const pdf = `%PDF-1.7\n1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript/JS(app.alert(1);${run})>>>>endobj\n<script>${run}</script>`;
  const utf7 = `+ADw-script+AD4-${run}+ADw-/script+AD4-`;
  const named = (key) => [key, "image/png", "\u0089PNG\r\n\u001a\n" + html];
  const typed = (key, type, content) => [key, type, content];
  return [
    typed("page.html", "text/html", html),
    typed("page with a charset.html", "text/html; charset=utf-8", html),
    typed("PAGE.HTML", "TEXT/HTML", html),
    typed("spaces in the type.html", " text/html ;a=b", html),
    typed("page.xhtml", "application/xhtml+xml", xhtml),
    typed("drawing.svg", "image/svg+xml", svg),
    typed("drawing with a charset.svg", "image/svg+xml;charset=utf-8", svg),
    typed("document.xml", "text/xml", xhtml),
    typed("document2.xml", "application/xml", xhtml),
    typed("feed.rss", "application/rss+xml", xhtml),
    typed("maths.mml", "application/mathml+xml", xhtml),
    typed("transform.xsl", "text/xsl", xslt),
    typed("sheet.xml", "text/xml", xslt),
    typed("vendor.xml", "application/vnd.evil+xml", xhtml),
    typed("no type at all.html", "", html),
    typed("unknown type.html", "evil/evil", html),
    typed("broken type.html", "text", html),
    typed("two types.html", "text/plain, text/html", html),
    typed("plain.txt", "text/plain", html),
    typed("octets.html", "application/octet-stream", html),
    typed("polyglot.gif", "image/gif", gifPolyglot),
    typed("polyglot.jpg", "image/jpeg", `\u00ff\u00d8\u00ff\u00e0${html}`),
    typed("paper.pdf", "application/pdf", pdf),
    typed("utf-7.html", "text/html; charset=utf-7", utf7),
    typed("sixteen.html", "text/html; charset=utf-16", Buffer.from(html, "utf16le")),
    typed("mail.mhtml", "message/rfc822", `MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n${html}`),
    typed("parts.html", "multipart/x-mixed-replace; boundary=x", `--x\r\nContent-Type: text/html\r\n\r\n${html}\r\n--x--`),
    typed("module.js", "text/javascript", run),
    typed("data.json", "application/json", `{"a":"</script><script>${run}</script>"}`),
    named(`<script>${run}</script>`),
    named(`<img src=x onerror="${run}">.png`),
    named(`"><svg onload=${run}>`),
    named(`javascript:${run}`),
    named(`' onmouseover='${run}`),
    named(`"; filename="evil.html`),
    named(`photo\u202egpj.html`),
    named(`\u2066\u202eisolated\u2069.svg`),
    named(`zero\u200bwidth\ufeff.png`),
    named(`{{constructor.constructor('${run}')()}}\${${run}}`),
    named(`//evil.example/%2e%2e/<b>&lt;script&gt;`.slice(2)),
    named(`line\r\nSet-Cookie: pwned=1\r\n\r\n<script>${run}</script>`),
    named(`#/callbacks?javascript:${run}`),
  ];
}

/** What a hostile application answers. */
export function hostileAnswers(beacon) {
  const run = script(beacon);
  const html = `<script>${run}</script><img src=x onerror="${run}">`;
  return [
    { status: 200, headers: { "content-type": "application/json" }, body: JSON.stringify({ Status: html, a: "\u202e" }) },
    { status: 200, headers: { "content-type": "text/html" }, body: `<!doctype html>${html}` },
    { status: 500, headers: { "content-type": "image/svg+xml", "x-evil": html }, body: `<svg onload="${run}"/>` },
    { status: 302, headers: { location: `javascript:${run}` }, body: html },
    { status: 302, headers: { location: `//evil.example/login?${encodeURIComponent(html)}` }, body: "\u001b[2J\u0000\u202e" },
    { status: 200, headers: { "content-type": "application/xml" }, body: `<?xml version="1.0"?><a xmlns="http://www.w3.org/1999/xhtml">${html}</a>` },
  ];
}
