//! Simplified Chinese.

use super::Text;
use crate::time::Day;

const WEEKDAYS: [&str; 7] = ["日", "一", "二", "三", "四", "五", "六"];

fn date(day: Day) -> String {
    let date = day.date();
    let weekday = WEEKDAYS.get(date.weekday).unwrap_or(&"");
    format!("{}年{}月{}日 星期{weekday}", date.year, date.month, date.day)
}

/// The texts.
pub(super) const TEXT: Text = Text {
    tagline: "一个地址，就是一间聊天室。",
    pitch: "起个名字，发出链接，开始聊天。不用注册，不用安装。",
    steps: [
        ("起名", "任何词语、任何文字都行。有人进入，房间就在。"),
        ("分享", "谁有这个地址，谁就在房间里。"),
        ("聊天", "说过的话会留下，后来的人也能看到。"),
    ],
    room_label: "房间",
    room_hint: "一个词、一个话题、一个网址",
    room_random: "随机取一个房间名",
    room_long: |n| format!("共 {n} 个字符：可以用，但建议不超过 32 个。"),
    nickname_label: "昵称",
    nickname_hint: "留空则随机取名",
    go: "进入房间",
    recent: "去过的房间",
    recent_forget: "清空列表",
    home: "XMeet，回到首页",
    switch_language: "切换到英文",
    theme_to_dark: "切换到深色",
    theme_to_light: "切换到浅色",

    room_empty: "请先给房间起个名字。",
    room_too_long: |n| format!("太长了：共 {n} 字节，最多 128 字节。"),
    room_control: "名字里有控制字符，地址无法携带。",
    room_dots: "“.” 和 “..” 不能出现在地址里。",
    room_not_text: "这个地址不是可读的文字。",
    page_unknown: "没有这个页面。",
    bad_room: "这个地址不能作为房间。",
    back_home: "回到首页",
    nickname_empty: "这个名字里没有看得见的字符。",
    nickname_too_long: |n| format!("太长了：共 {n} 个字符，最多 32 个。"),

    members: "房间成员",
    member_count: |n| format!("房间里有 {n} 人"),
    members_show: "查看房间成员",
    members_close: "关闭列表",
    you: "我",
    share: "分享房间链接",
    share_done: "链接已复制",
    share_failed: "请复制本页地址",

    connecting: "正在连接…",
    connected: "已连接",
    lost: "没有网络",
    retrying: "连接已断开",
    retrying_in: |n| format!("{n} 秒后重试"),
    stopped_left: "你已离开房间。",
    stopped_refused: "服务器拒绝了连接。",
    try_now: "立即重试",
    connect_again: "重新连接",
    said_lost: "连接已断开",
    said_back: "已重新连接",

    log_label: "消息",
    loading_older: "正在加载更早的消息…",
    load_older: "加载更早的消息",
    load_failed: "更早的消息加载失败。",
    retry: "重试",
    beginning: "这里是房间的开头",
    empty_title: "这里还没有人说话",
    empty_hint: "说第一句话，或者把链接发给朋友。",
    gap: |n| format!("有 {n} 条消息未加载"),
    gap_gone: |n| format!("有 {n} 条消息已不再保留"),
    gap_load: "加载",
    new_messages: |n| format!("{n} 条新消息"),
    jump: "跳到最新消息",
    joined: ("", " 进入了房间"),
    left: ("", " 离开了房间"),
    renamed: ("", " 改名为 "),
    show_more: "展开全部",
    show_less: "收起",

    waiting: "等待连接",
    sending: "正在发送…",
    unconfirmed: "不确定是否已送达",
    send_again: "再次发送",
    put_back: "放回输入框",

    composer_label: "消息内容",
    composer_hint: "说点什么…",
    composer_keys: "Enter 发送，Shift + Enter 换行",
    send: "发送",
    bytes_left: |n| format!("还可输入 {n} 字节"),
    bytes_over: |n| format!("超出 {n} 字节"),
    rename: "修改昵称",
    rename_label: "我的昵称",
    rename_save: "保存",
    rename_offline: "尚未连接：连接恢复后才能改名。",
    cancel: "取消",
    command_rename: ("这是一条命令，会把你的昵称改为 ", "。"),
    command_bad_name: "这是改昵称的命令，但没有可用的名字。",
    command_history: |n| format!("这是一条命令，会加载更早消息的第 {n} 页。"),
    command_bad_history: "这是加载更早消息的命令，但没有页码。",
    command_do_rename: "修改昵称",
    command_do_history: "加载更早的消息",
    command_say: "当作文字发送",
    command_say_hint: "当作文字发送时，前面会加一个空格。",
    no_such_page: "历史消息没有那么早。",

    dismiss: "知道了",
    error_cursor: "服务器不明白要哪一页历史消息。",
    error_nickname: "服务器不接受这个昵称。",
    error_unsupported: "服务器不支持这种消息。",
    error_too_large: "消息太长，服务器没有接收，内容已放回输入框。",
    error_rate: "发得太快了，请稍等再发。",
    error_rate_for: |n| format!("发得太快了，请 {n} 秒后再发。"),
    error_storage: "服务器暂时无法存取消息，内容没有丢，请重试。",
    error_other: "服务器提示：",

    today: "今天",
    yesterday: "昨天",
    date,
};
