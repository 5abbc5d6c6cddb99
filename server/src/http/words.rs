//! The texts of refusals for people, in English and in Chinese.

use axum::http::StatusCode;

/// A refusal in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Both {
    pub(super) english: Words,
    pub(super) chinese: Words,
}

/// A refusal in one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Words {
    /// What happened.
    pub(super) title: &'static str,
    /// What the person can do.
    pub(super) advice: &'static str,
}

const NOT_FOUND: Both = Both {
    english: Words {
        title: "Page not found",
        advice: "Check the address. A room’s address is /room/ followed by its name.",
    },
    chinese: Words {
        title: "页面不存在", advice: "请检查地址。房间的地址是 /room/ 加上房间名。"
    },
};

const METHOD: Both = Both {
    english: Words {
        title: "This page can’t receive data",
        advice: "You can only open this address.",
    },
    chinese: Words {
        title: "这里不能提交内容", advice: "这个地址只能打开查看。"
    },
};

const BAD_TEXT: Both = Both {
    english: Words {
        title: "Couldn’t make a QR code",
        advice: "The text is missing, too long, or damaged.",
    },
    chinese: Words {
        title: "无法生成二维码", advice: "文字缺失、太长，或者已经损坏。"
    },
};

const FULL: Both = Both {
    english: Words {
        title: "XMeet is full right now",
        advice: "The server has no room for more people. Try again in half a minute.",
    },
    chinese: Words {
        title: "XMeet 已满员", advice: "在线人数已达上限，请半分钟后再试。"
    },
};

const ADDRESS_FULL: Both = Both {
    english: Words {
        title: "Too many connections from your network",
        advice: "Close a few tabs, or try again in half a minute.",
    },
    chinese: Words {
        title: "你的网络连接数过多", advice: "请关闭几个标签页，或半分钟后再试。"
    },
};

const TOO_OFTEN: Both = Both {
    english: Words {
        title: "Too many requests from your network",
        advice: "Wait a moment, then try again.",
    },
    chinese: Words { title: "你的网络请求过于频繁", advice: "请稍后再试。" },
};

const UNAVAILABLE: Both = Both {
    english: Words { title: "XMeet is not available right now", advice: "Try again in a moment." },
    chinese: Words { title: "XMeet 暂时无法使用", advice: "请稍后再试。" },
};

const BAD_REQUEST: Both = Both {
    english: Words {
        title: "Something is wrong with this request",
        advice: "Check the address, then try again.",
    },
    chinese: Words { title: "请求有误", advice: "请检查地址后再试。" },
};

/// Returns the texts of a refusal with this code and status.
pub(super) fn of(code: &str, status: StatusCode) -> Both {
    match code {
        "not_found" => NOT_FOUND,
        "method_not_allowed" => METHOD,
        "bad_text" => BAD_TEXT,
        "too_many_connections" => FULL,
        "too_many_connections_from_address" => ADDRESS_FULL,
        "connecting_too_often" => TOO_OFTEN,
        _ if status.is_server_error() => UNAVAILABLE,
        _ => BAD_REQUEST,
    }
}
