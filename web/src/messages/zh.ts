/** 简体中文。 */
import type { Messages } from ".";

const TYPE_NAMES: Readonly<Record<string, string>> = {
  "audio/*": "音频",
  "image/*": "图片",
  "video/*": "视频",
};

export const zh: Messages = {
  tagline: "文件从浏览器直传存储；在您收到结果之前，应用已经知晓。",
  bucket: (name) => `存储空间 ${name}`,

  language: "语言",
  chooseTitle: "上传文件",
  namingTitle: "存储后的文件名",
  namingKeep: "保留原名",
  namingRandom: "随机名称",

  drop: "将文件拖放到此处，或%{browseFiles}",
  browse: "选择文件",
  onPhone: "选择文件或拍照",
  chooseFiles: "选择文件",
  takePhoto: "拍照",
  onlyTypes: (types) => `仅限 ${types}`,
  typeName: (type) => TYPE_NAMES[type] ?? type,
  upTo: (size) => `最大 ${size}`,
  anyFile: "可一次选择多个文件",

  resultsTitle: "上传结果",
  clearResults: "清空",
  accepted: "应用已接受",
  acceptedSilently: "已存储",
  acceptedSilentlyText: "上传策略没有设置回调，因此未通知应用。",
  storedOnly: "文件已存储，但应用未认可",
  storedOnlyText: "文件已在存储空间中。存储服务器通知了应用，但没有得到肯定的答复。",
  storedOnlyNext: "请查看应用服务器的日志；待其恢复正常应答后，重新发送该文件。",
  pending: "等待应用确认",
  pendingText: "文件已送达；在应用同意之前，任何人都看不到它。刚才无法询问应用。",
  pendingNext: "请勿重复发送：存储服务器会继续询问应用，直到得到答复。",
  answer: "应用的应答",
  serverSaid: "服务器原文",
  requestId: "请求 ID",
  copy: "复制请求 ID",
  copied: "已复制",
  tryAgain: "重试",
  tryRandom: "以随机名称发送",
  dismiss: (name) => `从列表中移除 ${name}`,
  announce: (name, title) => `${name}：${title}`,
  duplicate: (name) => `${name} 正在上传中`,
  steps: "进行到哪一步",
  stepPolicy: "已签名",
  stepStored: "已存储",
  stepAccepted: "已接受",

  recordedTitle: "应用的记录",
  recordedText: "应用数据库中的记录，最新的在前。",
  recordedEmpty: "暂无记录。应用每接受一次上传，这里就会多一行。",
  recordedUnavailable: "应用没有应答。",
  refresh: "刷新",
  showAll: (rows) => `显示全部 ${rows} 条`,
  pixels: (width, height) => `${width} × ${height}`,

  examples: "三个经典示例",
  licences: "许可证",

  refused: {
    applicationDeclined: {
      title: "应用拒绝了该文件",
      text: "在任何人看到文件之前已询问应用，应用没有同意。文件已被丢弃。",
      next: "应用的答复见下方。再次发送同一文件仍会被拒绝。",
    },
    applicationSilent: {
      title: "应用没有应答",
      text: "此处只有在应用同意后才保留文件，而刚才无法询问应用。没有存储任何内容。",
      next: "请稍后重新发送。",
    },
    applicationRefused: {
      title: "应用服务器没有签名",
      text: "它拒绝了获取上传策略的请求，因此没有发送任何内容。",
      next: "请看下方的说明；可能需要登录，或者应用的设置有误。",
    },
    applicationUnreachable: {
      title: "应用服务器没有应答",
      text: "没有它的签名就无法上传；文件仍在您的设备上。",
      next: "请确认应用服务器正在运行，然后重试。",
    },
    applicationUnusable: {
      title: "应用服务器的应答不是上传策略",
      text: "页面需要包含 host、accessid、policy 和 signature 的 JSON。",
      next: "请检查页面请求的地址，以及该服务器的应答内容。",
    },
    exists: {
      title: "已存在同名文件",
      text: "该文件不允许被覆盖，因此新文件没有存储。",
      next: "请重命名文件，或以随机名称发送。",
    },
    notAllowed: {
      title: "上传策略不允许此次上传",
      text: "表单不满足应用服务器签名的某项条件。",
      next: "具体条件见下方；应用的管理者可以修改它。",
    },
    policyExpired: {
      title: "上传策略已过期",
      text: "已重新获取策略，但新策略到达时同样已过期。",
      next: "请比较应用服务器与存储服务器的时钟，然后重试。",
    },
    storageFault: {
      title: "存储服务器出现问题",
      text: "它未能存储该文件，并非您的上传有误。",
      next: "请稍后重试。若问题仍在，请将请求 ID 交给服务器的管理者。",
    },
    storageRefused: {
      title: "存储服务器拒绝了此次上传",
      text: "它无法接受这个表单。",
      next: "原因见下方；请将请求 ID 交给应用的管理者。",
    },
    storageUnreachable: {
      title: "无法连接存储服务器",
      text: "连接失败或中断，没有收到应答。",
      next: "请检查网络，并确认存储服务器正在运行且允许本页面的来源（CORS），然后重试。",
    },
    tooLarge: {
      title: "文件过大",
      text: "超过了应用允许的大小。",
      next: "请选择较小的文件，或将其压缩。",
    },
    tooSmall: {
      title: "文件过小",
      text: "小于应用允许的大小。",
      next: "请确认文件不是空的，也没有被截断。",
    },
    wrongSignature: {
      title: "存储服务器不认可签名",
      text: "签署上传策略所用的密钥，存储服务器并不认识。",
      next: "请管理者核对两边的 AccessKey ID 与密钥。",
    },
    wrongType: {
      title: "不接受此类型的文件",
      text: "应用只允许其他类型。",
      next: "请转换文件格式，或选择其他文件。",
    },
  },
};
