/**
 * Forms as clients that are no browser write them, byte for byte but for what is in them: header
 * names, their order and case, boundaries and file names are from recorded requests and from the
 * clients' published sources.
 *
 * Each takes fields and a file (name, type, bytes) and gives the request's content type and body.
 */

/**
 * WeChat for iOS, `wx.uploadFile`: a request recorded in public (swoole/swoole-src issue 2024). The
 * file's name is the mini-program's own, never the one that the person knows.
 */
export function wechatForIos(fields, file) {
  const boundary = "WABoundary+13CCF4C5D3DF61CCWA";
  const name = "tmp_bf506b9052956eb65727c9b137618197.jpg";
  return form(boundary, [
    ...Object.entries(fields).map(([field, value]) => [[`Content-Disposition: form-data; name="${field}"`], value]),
    [[`Content-Disposition: form-data; name="file"; filename="${name}"`, `Content-Type: ${file.type}`], file.bytes],
  ]);
}

/** The same with the file's whole path as its name, as backends of mini-programs report it. */
export function wechatWithPath(fields, file) {
  return form("----WebKitFormBoundaryWX7c9b137618197", [
    ...Object.entries(fields).map(([field, value]) => [[`Content-Disposition: form-data; name="${field}"`], value]),
    [
      ['Content-Disposition: form-data; name="file"; filename="wxfile://tmp_bf506b9052956eb6.jpg"', `Content-Type: ${file.type}`],
      file.bytes,
    ],
  ]);
}

/**
 * React Native for iOS (`Libraries/Network/FormData.js` and `RCTHTTPFormDataHelper`): the headers in
 * lower case, as JavaScript names them.
 */
export function reactNativeForIos(fields, file) {
  return form("9431149156168", [
    ...Object.entries(fields).map(([field, value]) => [[`content-disposition: form-data; name="${field}"`], value]),
    [[`content-type: ${file.type}`, `content-disposition: form-data; name="file"; filename="${encodeURI(file.name)}"`], file.bytes],
  ]);
}

/**
 * React Native for Android, on OkHttp 3: a request recorded in public (react-native issue 4894), with a
 * length in each part.
 */
export function reactNativeForAndroid(fields, file) {
  const length = (content) => `Content-Length: ${Buffer.byteLength(content)}`;
  return form("be1563be-4245-4ac5-8a95-498ba5b57ba8", [
    ...Object.entries(fields).map(([field, value]) => [
      [`content-disposition: form-data; name="${field}"`, length(value)],
      value,
    ]),
    [
      [
        `content-disposition: form-data; name="file"; filename="${encodeURI(file.name)}"`,
        `Content-Type: ${file.type}`,
        length(file.bytes),
      ],
      file.bytes,
    ],
  ]);
}

/** React Native 0.74 and later for a time: a second, extended file name (react-native pull 46543). */
export function reactNativeWithSecondName(fields, file) {
  const name = encodeURIComponent(file.name);
  return form("JLm2n8W0cK4y6qf1XzU5RtPbA3vGhDse", [
    ...Object.entries(fields).map(([field, value]) => [[`content-disposition: form-data; name="${field}"`], value]),
    [
      [
        `content-disposition: form-data; name="file"; filename="${file.name}"; filename*=utf-8''${name}`,
        `content-type: ${file.type}`,
      ],
      file.bytes,
    ],
  ]);
}

function form(boundary, parts) {
  const body = parts.flatMap(([headers, content]) => [
    Buffer.from(`--${boundary}\r\n${headers.join("\r\n")}\r\n\r\n`),
    Buffer.from(content),
    Buffer.from("\r\n"),
  ]);
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    body: Buffer.concat([...body, Buffer.from(`--${boundary}--\r\n`)]),
  };
}
