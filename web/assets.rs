//! The files of `dist`. Written by the page's build; a test compares it with the folder.

use crate::Asset;

pub(crate) const ASSETS: &[Asset] = &[
    Asset {
        path: "/LICENSES.txt",
        content_type: "text/plain; charset=utf-8",
        immutable: false,
        bytes: include_bytes!("dist/LICENSES.txt"),
    },
    Asset {
        path: "/assets/drop-9ITg6Ob5.svg",
        content_type: "image/svg+xml",
        immutable: true,
        bytes: include_bytes!("dist/assets/drop-9ITg6Ob5.svg"),
    },
    Asset {
        path: "/assets/index-BLvdNUqX.css",
        content_type: "text/css; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/assets/index-BLvdNUqX.css"),
    },
    Asset {
        path: "/assets/index-M6GG-xdC.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/assets/index-M6GG-xdC.js"),
    },
    Asset {
        path: "/assets/zh_CN-CHg7ulCO.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/assets/zh_CN-CHg7ulCO.js"),
    },
    Asset {
        path: "/console/LICENSES.txt",
        content_type: "text/plain; charset=utf-8",
        immutable: false,
        bytes: include_bytes!("dist/console/LICENSES.txt"),
    },
    Asset {
        path: "/console/assets/favicon-C9HehRxi.svg",
        content_type: "image/svg+xml",
        immutable: true,
        bytes: include_bytes!("dist/console/assets/favicon-C9HehRxi.svg"),
    },
    Asset {
        path: "/console/assets/index-B80vKtfm.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/console/assets/index-B80vKtfm.js"),
    },
    Asset {
        path: "/console/assets/index-m39e5LIu.css",
        content_type: "text/css; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/console/assets/index-m39e5LIu.css"),
    },
    Asset {
        path: "/console/index.html",
        content_type: "text/html; charset=utf-8",
        immutable: false,
        bytes: include_bytes!("dist/console/index.html"),
    },
    Asset {
        path: "/examples/LICENSES.txt",
        content_type: "text/plain; charset=utf-8",
        immutable: false,
        bytes: include_bytes!("dist/examples/LICENSES.txt"),
    },
    Asset {
        path: "/examples/assets/favicon-C9HehRxi.svg",
        content_type: "image/svg+xml",
        immutable: true,
        bytes: include_bytes!("dist/examples/assets/favicon-C9HehRxi.svg"),
    },
    Asset {
        path: "/examples/assets/index-B6Yvtbkb.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/examples/assets/index-B6Yvtbkb.js"),
    },
    Asset {
        path: "/examples/assets/index-C-OVK7Fc.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/examples/assets/index-C-OVK7Fc.js"),
    },
    Asset {
        path: "/examples/assets/index-D1NKP2X9.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/examples/assets/index-D1NKP2X9.js"),
    },
    Asset {
        path: "/examples/assets/index-HAzL4ueR.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/examples/assets/index-HAzL4ueR.js"),
    },
    Asset {
        path: "/examples/assets/start-BePpkQ5K.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/examples/assets/start-BePpkQ5K.js"),
    },
    Asset {
        path: "/examples/assets/start-CAAaSZMX.css",
        content_type: "text/css; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/examples/assets/start-CAAaSZMX.css"),
    },
    Asset {
        path: "/examples/browser-signature/index.html",
        content_type: "text/html; charset=utf-8",
        immutable: false,
        bytes: include_bytes!("dist/examples/browser-signature/index.html"),
    },
    Asset {
        path: "/examples/index.html",
        content_type: "text/html; charset=utf-8",
        immutable: false,
        bytes: include_bytes!("dist/examples/index.html"),
    },
    Asset {
        path: "/examples/server-callback/index.html",
        content_type: "text/html; charset=utf-8",
        immutable: false,
        bytes: include_bytes!("dist/examples/server-callback/index.html"),
    },
    Asset {
        path: "/examples/server-signature/index.html",
        content_type: "text/html; charset=utf-8",
        immutable: false,
        bytes: include_bytes!("dist/examples/server-signature/index.html"),
    },
    Asset {
        path: "/favicon.svg",
        content_type: "image/svg+xml",
        immutable: false,
        bytes: include_bytes!("dist/favicon.svg"),
    },
    Asset {
        path: "/index.html",
        content_type: "text/html; charset=utf-8",
        immutable: false,
        bytes: include_bytes!("dist/index.html"),
    },
    Asset {
        path: "/manifest.webmanifest",
        content_type: "application/manifest+json",
        immutable: false,
        bytes: include_bytes!("dist/manifest.webmanifest"),
    },
];
