/** 简体中文。 */
import type { ExampleMessages } from ".";

export const zh: ExampleMessages = {
  indexTitle: "三个示例",
  indexText:
    "OSS 文档中的三种直传方式。三者都把文件从浏览器直接发送到存储空间，区别在于由谁签名、由谁得知结果。",
  back: "全部示例",
  uploadPage: "上传页面",
  unavailable: "示例页面仅在 upcall dev 中提供；此服务器没有启用。",

  browserSignature: {
    title: "1 · 在浏览器端签名",
    text: "由页面自己签名。页面与存储空间之间没有其他环节，也不会通知任何人。",
    steps: [
      "页面生成上传策略，并用 AccessKey Secret 签名。",
      "页面将策略、签名和文件以表单形式发送到存储空间。",
      "存储服务器验证签名并保存文件。",
    ],
  },
  serverSignature: {
    title: "2 · 由应用服务器签名",
    text: "密钥留在服务器上。页面向应用服务器获取上传策略；文件到达后不会通知应用。",
    steps: [
      "页面请求应用服务器，由它签发上传策略。",
      "页面将策略、签名和文件以表单形式发送到存储空间。",
      "存储服务器验证签名并保存文件。",
    ],
  },
  serverCallback: {
    title: "3 · 由应用服务器签名并设置回调",
    text: "密钥留在服务器上，应用先于页面得知每个文件。实际使用请选择这种方式。",
    steps: [
      "页面请求应用服务器，由它签发上传策略并写明回调地址。",
      "页面将表单发送到存储空间。",
      "存储服务器保存文件、回调应用，并将应用的应答转交给页面。",
    ],
  },

  warningTitle: "请勿在他人可以打开的页面中这样做",
  warning:
    "AccessKey Secret 就在此页面中。任何打开页面的人都能读到它，进而读取、覆盖和删除该密钥有权访问的一切。upcall dev 在此使用的是仅供本机的密钥；真正的应用应在服务器端签名，见示例 2 和示例 3。",
  noPlainPolicy: "此应用服务器只签发带回调的上传策略，请看示例 3。",
  signedBy: (address) => `由 ${address} 签名`,

  howItWorks: "工作原理",
  choose: "选择文件",
  chooseHint: "选择后立即开始发送。",
  versionTitle: "签名版本",
  uploading: (name) => `正在上传 ${name}`,
  cancel: (name) => `取消 ${name}`,
  policyTitle: "所签名的上传策略",
  formTitle: "表单字段及其顺序",
  keyField: "目录与文件名",
  idempotencyField: "每个文件一个；应答丢失后重发同一文件时保持不变",
  fileField: "文件，放在最后",
};
