-- SPDX-License-Identifier: MIT
-- lab: the language of experiments, built on the functions that engine.c and api_*.c hand over in `core`.
-- docs/LAB.md teaches it.  Verbs of sockets give their value, or nil, a text and an error's name ("ECONNRESET");
-- the shorthands of hosts (listen, connect, ...) raise an error instead, because an experiment cannot go on without.
local core <const> = ...

-- pairs() goes through keys in the order of the alphabet, so that two runs do the same.
local lua_next, lua_type = next, type
function pairs(t)
	local keys = {}
	for k in lua_next, t do keys[#keys + 1] = k end
	table.sort(keys, function(a, b)
		local ta, tb = lua_type(a), lua_type(b)
		if ta ~= tb then return ta < tb end
		if ta == 'number' or ta == 'string' then return a < b end
		return false
	end)
	local i = 0
	return function()
		i = i + 1
		return keys[i], t[keys[i]]
	end
end
math.randomseed(core.seed, 0)

world = core.world -- 'stack' or 'kernel': for what cannot be the same, please never for what should be
now = core.now

function sleep(seconds)
	if seconds > 0 then core.wait(core.now() + seconds) end
end

-- ---- tasks ----
local Task = {}
Task.__index = Task

function spawn(fn) return setmetatable({task = core.spawn(fn)}, Task) end

-- A moment in seconds is not exact: a nanosecond more or less
local function over(moment) return core.now() + 1e-9 >= moment end

function Task:done() return core.done(self.task) end

function Task:join(timeout)
	local till = core.now() + (timeout or 60)
	while not core.done(self.task) do
		if over(till) then return false end
		sleep(0.001)
	end
	return true
end

-- ---- words for observations ----
function round(x, digits)
	local f = 10.0 ^ (digits or 0)
	return math.floor(x * f + 0.5) / f
end

function list(t) return setmetatable(t or {}, {__list = true}) end

local python_class <const> = {
	EPIPE = 'BrokenPipeError', ECONNRESET = 'ConnectionResetError', ECONNREFUSED = 'ConnectionRefusedError',
	ECONNABORTED = 'ConnectionAbortedError', ETIMEDOUT = 'TimeoutError', EAGAIN = 'BlockingIOError',
	EINPROGRESS = 'BlockingIOError', EPERM = 'PermissionError', EACCES = 'PermissionError',
}
local errno <const> = {
	EPERM = 1, EAGAIN = 11, EACCES = 13, EINVAL = 22, EPIPE = 32, EADDRINUSE = 98, EADDRNOTAVAIL = 99, ENETUNREACH = 101,
	ECONNABORTED = 103, ECONNRESET = 104, EISCONN = 106, ENOTCONN = 107, ETIMEDOUT = 110, ECONNREFUSED = 111,
	EHOSTUNREACH = 113, EINPROGRESS = 115,
}

-- A result as the recordings of oracle/ spell it: b'hello', BrokenPipeError(32, 'Broken pipe'), TimeoutError('timed out')
function repr(value, message, code)
	if value == nil and code == 'TIMEOUT' then return "TimeoutError('timed out')" end
	if value == nil then
		return ("%s(%d, '%s')"):format(python_class[code] or 'OSError', errno[code] or 0, message)
	end
	if lua_type(value) ~= 'string' then return value end
	return "b'" .. value:gsub('[\\\'\0-\31\127-\255]', function(c)
		local short = {['\n'] = '\\n', ['\r'] = '\\r', ['\t'] = '\\t', ['\\'] = '\\\\', ["'"] = "\\'"}
		return short[c] or ('\\x%02x'):format(c:byte())
	end) .. "'"
end

-- ---- sockets ----
local IN <const>, OUT <const>, RDHUP <const>, CLOSED <const> = 0x1, 0x4, 0x2000, 0x80000000
local Socket = {}
Socket.__index = Socket

local function socket_of(host, fd) return setmetatable({host = host, fd = fd}, Socket) end

local function till(timeout) return timeout and core.now() + timeout end

function Socket:bind(addr, port)
	return core.bind(self.host.index, self.fd, addr, port)
end

function Socket:listen(backlog) return core.listen(self.host.index, self.fd, backlog) end

function Socket:set(name, value) return core.setopt(self.host.index, self.fd, name, value) end

function Socket:get(name) return core.getopt(self.host.index, self.fd, name) end

function Socket:linger(seconds) return self:set('SO_LINGER', {1, seconds}) end

function Socket:info() return self:get('TCP_INFO') end

-- Waits until the socket is ready ('in', 'out').  True, or false after timeout seconds.
function Socket:wait(what, timeout)
	local mask = what == 'out' and OUT or IN | RDHUP
	return core.wait(till(timeout), self.host.index, self.fd, mask)
end

-- Ready now?  As select() says: an error counts as ready.
function Socket:ready(what)
	return core.poll(self.host.index, self.fd) & ((what == 'out' and OUT or IN | RDHUP) | 0x8 | 0x10) ~= 0
end

-- What poll() says: the bits of Linux's EPOLL*
function Socket:poll() return core.poll(self.host.index, self.fd) end
-- What poll() says: {'in', 'pri', 'out', 'err', 'hup', 'rdhup'}, those that hold
function Socket:events()
	local mask, out = core.poll(self.host.index, self.fd), list()
	for _, e in ipairs{{0x1, 'in'}, {0x2, 'pri'}, {OUT, 'out'}, {0x8, 'err'}, {0x10, 'hup'}, {RDHUP, 'rdhup'}} do
		if mask & e[1] ~= 0 then out[#out + 1] = e[2] end
	end
	return out
end

function Socket:error() return core.error(self.host.index, self.fd) end

function Socket:connect_start(addr, port) return core.connect(self.host.index, self.fd, addr, port) end

function Socket:connect(addr, port, timeout)
	local ok, message, code = self:connect_start(addr, port)
	if ok or code ~= 'EINPROGRESS' then return ok, message, code end
	if not self:wait('out', timeout) then return nil, 'timed out', 'TIMEOUT' end
	return self:error()
end

-- Tries again after each wait until it is not EAGAIN.
local function retry(self, what, timeout, try)
	local last = till(timeout)
	while true do
		local a, b, c = try()
		if a ~= nil or c ~= 'EAGAIN' then return a, b, c end
		if self:ready(what) then sleep(0.002) end -- there is room, but no memory (tcp_mem): later, as Linux
		if last and over(last) or not self:wait(what, last and last - core.now()) then return nil, 'timed out', 'TIMEOUT' end
	end
end

function Socket:accept(timeout)
	local fd, addr, port = retry(self, 'in', timeout, function() return core.accept(self.host.index, self.fd) end)
	if not fd then return nil, addr, port end
	return socket_of(self.host, fd), addr, port
end

-- Sends all of it; gives the bytes taken, waits while the send buffer is full.
function Socket:send(data, timeout)
	local sent = 0
	repeat
		local rest = sent == 0 and data or data:sub(sent + 1)
		local n, message, code = retry(self, 'out', timeout, function() return core.send(self.host.index, self.fd, rest) end)
		if not n then return sent > 0 and sent or nil, message, code end
		sent = sent + n
	until sent >= #data
	return sent
end

-- One call of send: what the buffer takes now.
function Socket:send_now(data, flags) return core.send(self.host.index, self.fd, data, flags) end

function Socket:recv(n, timeout)
	return retry(self, 'in', timeout, function() return core.recv(self.host.index, self.fd, n or 65536) end)
end

function Socket:recv_now(n, flags) return core.recv(self.host.index, self.fd, n or 65536, flags) end

function Socket:sendto(data, addr, port) return core.sendto(self.host.index, self.fd, data, addr, port or 0) end

-- Connects by Fast Open, with as much of the data on the SYN as may go with it, and sends the rest when there is a connection.
local MSG_FASTOPEN <const> = 0x20000000
function Socket:fastopen(data, addr, port, timeout)
	local n, message, code = core.sendto(self.host.index, self.fd, data, addr, port, MSG_FASTOPEN)
	if not n and code ~= 'EINPROGRESS' then return nil, message, code end
	if not self:wait('out', timeout) then return nil, 'timed out', 'TIMEOUT' end
	local ok
	ok, message, code = self:error()
	if not ok then return nil, message, code end
	n = n or 0
	if n == #data then return n end
	local rest
	rest, message, code = self:send(data:sub(n + 1), timeout)
	if not rest then return nil, message, code end
	return n + rest
end

function Socket:recvfrom(n, timeout)
	return retry(self, 'in', timeout, function() return core.recvfrom(self.host.index, self.fd, n or 65536) end)
end

function Socket:disconnect() return core.disconnect(self.host.index, self.fd) end

-- The oldest error of IP_RECVERR: {errno, origin = 'icmp' or 'local', type, code, info, offender, dst, port, data}
function Socket:recv_error() return core.recv_error(self.host.index, self.fd) end

function Socket:shutdown(how) return core.shutdown(self.host.index, self.fd, how) end

-- On the kernel its calls block from now on, as close() may with SO_LINGER; here nothing does.
function Socket:blocking() return core.blocking(self.host.index, self.fd) end

-- close(), but does not wait: fn() is called when it is over.
function Socket:close_start(fn)
	local fd, host, ok, message, code = self.fd, self.host.index, true, nil, nil
	self.fd = -1
	if fd >= 0 then ok, message, code = core.close(host, fd) end
	if lua_type(ok) ~= 'number' then -- no SO_LINGER
		fn()
		return ok, message, code
	end
	spawn(function()
		repeat until core.wait(nil, host, ok, CLOSED)
		fn()
	end)
	return true
end

function Socket:close()
	if self.fd < 0 then return true end
	local fd, host = self.fd, self.host.index
	self.fd = -1
	local ok, message, code = core.close(host, fd)
	if lua_type(ok) ~= 'number' then return ok, message, code end
	repeat until core.wait(nil, host, ok, CLOSED)
	return true
end

function Socket:name() return core.name(self.host.index, self.fd) end

function Socket:peer() return core.peer(self.host.index, self.fd) end

function Socket:unread() return core.inq(self.host.index, self.fd) end

function Socket:unacked() return core.outq(self.host.index, self.fd) end

-- ---- hosts ----
local Host = {}
Host.__index = Host

local function must(what, value, message, code)
	if value == nil then error(('%s: %s (%s)'):format(what, message, code), 3) end
	return value
end

function Host:sysctl(name, value)
	if value == nil then return must(name, core.sysctl_get(self.index, name)) end
	return must(name, core.sysctl_set(self.index, name, tostring(value)))
end

-- protocol: of a raw socket, ICMP unless said otherwise
function Host:socket(kind, protocol)
	return socket_of(self, must('socket', core.socket(self.index, kind or 'tcp', protocol)))
end

function Host:listen(port, backlog, setup)
	local s = self:socket()
	s:set('SO_REUSEADDR', 1)
	if setup then setup(s) end
	must('bind', s:bind('0.0.0.0', port))
	must('listen', s:listen(backlog or 16))
	return s
end

local function prepared(self, o)
	local s = self:socket()
	if o.setup then o.setup(s) end
	if o.from_port then must('bind', s:bind(self.addr, o.from_port)) end
	return s
end

local function other_of(self)
	return self.other or error(('connect: to which host? {to = address}; %s has no other'):format(self.name), 3)
end

-- connect(port, {to = address, from_port = n, timeout = seconds, setup = function(socket)})
function Host:connect(port, o)
	o = o or {}
	local s = prepared(self, o)
	must('connect', s:connect(o.to or other_of(self).addr, port, o.timeout or 5))
	return s
end

-- The same, but comes back at once, while the handshake goes on.
function Host:connect_start(port, o)
	o = o or {}
	local s = prepared(self, o)
	local ok, message, code = s:connect_start(o.to or other_of(self).addr, port)
	if not ok and code ~= 'EINPROGRESS' then must('connect', nil, message, code) end
	return s
end

function Host:counters() return must('counters', core.counters(self.index)) end

function Host:counter(name) return self:counters()[name] or 0 end

-- /proc/net/sockstat: {TCP = {inuse = ..., orphan = ..., tw = ..., alloc = ..., mem = ...}, ...}
function Host:sockstat()
	local out = {}
	for group, words in must('sockstat', core.sockstat(self.index)):gmatch('(%w+): ([^\n]*)') do
		out[group] = {}
		for name, value in words:gmatch('(%w+) (%d+)') do out[group][name] = math.tointeger(value) end
	end
	return out
end

function Host:rule(text) return must('rule (on the kernel by nft)', core.rule_add(self.index, text)) end
function Host:drop(rule) return must('drop (on the kernel by nft)', core.drop_add(self.index, rule)) end

function Host:drop_clear() return must('drop_clear', core.drop_clear(self.index)) end

-- A link's number: itself, or that of the one to a host
local function link_of(self, link)
	if lua_type(link) ~= 'table' then return link end
	return self.link_to[link.name] or error(('host %s has no link to %s'):format(self.name, link.name), 3)
end

-- A slow link below: bits a second (0: none), bytes after a pause.
function Host:egress_rate(bps, burst) return must('egress_rate', core.egress_rate(self.index, bps, burst or 2000)) end

-- Addresses that exist nowhere: this host sends to them, the wire sees it, nobody answers.
function Host:route(addr, prefix_len)
	return must('route', core.route_add(self.index, {to = ('%s/%d'):format(addr, prefix_len or 24), link = 0}))
end

local function route_fields(self, o)
	local via = o.via
	if lua_type(via) == 'table' then via = self.addr_of[via.name] or error(('host %s has no link to %s'):format(self.name, via.name), 3) end
	return {to = o.to, via = via, link = link_of(self, o.link), type = o.type, metric = o.metric, src = o.src, mtu = o.mtu}
end

-- {to = '192.0.2.0/24' or 'default', via = address or host, link = number or host, type = 'blackhole', metric =, src =, mtu =}
function Host:route_add(o) return must('route_add', core.route_add(self.index, route_fields(self, o))) end

function Host:route_del(o) return must('route_del', core.route_del(self.index, route_fields(self, o))) end

-- Which way its own packets go: {link =, via =, src =}; or nil, a text and the error's name.
function Host:route_get(addr)
	local link, via, src = core.route_get(self.index, addr)
	if not link then return nil, via, src end
	return {link = link >= 0 and link or nil, via = via, src = src}
end

-- addr_add('198.18.5.1/24'[, link])
function Host:addr_add(addr, link) return must('addr_add', core.addr_add(self.index, addr, link_of(self, link))) end

function Host:addr_del(addr, link) return must('addr_del', core.addr_del(self.index, addr, link_of(self, link))) end

function Host:inject(packet, delay, link) return must('inject', core.inject(self.index, packet, delay, link_of(self, link))) end

-- Rows of `ss -tan`; where: {port =, peer_port =, state =}
function Host:sockets(where)
	where = where or {}
	local out = list()
	for _, r in ipairs(must('ss', core.rows(self.index))) do
		if (not where.port or r.port == where.port) and (not where.peer_port or r.peer_port == where.peer_port)
			and (not where.state or r.state == where.state) then
			out[#out + 1] = r
		end
	end
	return out
end

-- The same as text, a line a row: "ESTAB 0 0 198.18.0.2:9000 198.18.0.1:40000"
function Host:ss(where)
	local out = list()
	for _, r in ipairs(self:sockets(where)) do
		local peer = r.peer_port == 0 and r.peer_addr .. ':*' or r.peer_addr .. ':' .. r.peer_port
		out[#out + 1] = ('%s %d %d %s:%d %s'):format(r.state, r.recv_q, r.send_q, r.addr, r.port, peer)
	end
	return out
end

local function listener(self, port)
	local row = self:sockets{port = port, state = 'LISTEN'}[1]
	if not row then error('nobody listens on port ' .. port .. ' of host ' .. self.name, 3) end
	return row
end

-- The accept queue: how many wait, and the limit.
function Host:queue(port)
	local row = listener(self, port)
	return {['Recv-Q'] = row.recv_q, ['Send-Q'] = row.send_q}
end

-- ss -m: the memory of the listener and its drops
function Host:skmem(port)
	local r = listener(self, port)
	return ('skmem:(r%d,rb%d,t%d,tb%d,f%d,w%d,o0,bl0,d%d)'):format(r.rmem_alloc, r.rcvbuf, r.wmem_alloc, r.sndbuf,
		r.fwd_alloc, r.wmem_queued, r.drops)
end

-- How many sockets in which state: {ESTAB = 2, LISTEN = 1}
function Host:states(where)
	local out = {}
	for _, r in ipairs(self:sockets(where)) do out[r.state] = (out[r.state] or 0) + 1 end
	return out
end

local hosts = {} -- by name, and in their order

local function host_new(name, index)
	local h = setmetatable({name = name, index = index, addrs = {}, link_to = {}, addr_of = {}}, Host)
	hosts[#hosts + 1], hosts[name], _G[name] = h, h, h
	return h
end

-- A link of h with this address leads to a host with that one.
local function host_joined(h, link, addr, to, to_addr)
	h.addr = h.addr or addr
	h.addrs[link] = addr
	if not to or h.link_to[to.name] then return end
	h.link_to[to.name], h.addr_of[to.name] = link, to_addr
end

do
	local a, b = host_new('A', 0), host_new('B', 1)
	host_joined(a, 0, '198.18.0.1', b, '198.18.0.2')
	host_joined(b, 0, '198.18.0.2', a, '198.18.0.1')
	a.other, b.other = b, a
end

local function host_named(name, forward)
	if lua_type(name) ~= 'string' or not name:match('^%a%w*$') or #name > 15 then
		error('network: a host is a name of letters and digits', 3)
	end
	if hosts[name] then return hosts[name] end
	if _G[name] ~= nil then error(("network: '%s' means something else here"):format(name), 3) end
	return host_new(name, core.net_host(name, forward[name]))
end

-- Of two hosts that do not forward, each is the other one.
local function others_find(forward)
	local ends = {}
	for _, h in ipairs(hosts) do
		if not forward[h.name] then ends[#ends + 1] = h end
	end
	if #ends == 2 then ends[1].other, ends[2].other = ends[2], ends[1] end
end

-- network{links = {{'A', 'R', net = '198.18.0.0/24'}, {'R', 'B', net = '198.18.2.0/24', mtu = 1400}}, forward = {'R'}}
-- in the place of A and B and the wire between them; the first thing in an experiment.  A link with one host leads nowhere.
function network(o)
	core.net_begin()
	for _, h in ipairs(hosts) do _G[h.name] = nil end
	hosts = {}
	local forward = {}
	for _, name in ipairs(o.forward or {}) do forward[name] = true end
	for i, l in ipairs(o.links) do
		local a, b = host_named(l[1], forward), l[2] and host_named(l[2], forward)
		local net, len = (l.net or ('198.18.%d.0/24'):format(i == 1 and 0 or i)):match('^(.*)/(%d+)$')
		if not net then error("network: net = '198.18.2.0/24'", 2) end
		local link_a, addr_a, link_b, addr_b =
			core.net_wire(a.index, b and b.index or -1, net, math.tointeger(len), l.mtu or 1500, l.offload)
		host_joined(a, link_a, addr_a, b, addr_b)
		if b then host_joined(b, link_b, addr_b, a, addr_a) end
	end
	for name in pairs(forward) do
		if not hosts[name] then error(("network: '%s' forwards, but has no link"):format(name), 2) end
	end
	core.net_end()
	others_find(forward)
end

-- A listener on B, a client on A, and the accepted connection.
function pair(port, backlog, listener_setup, client_setup)
	local l = B:listen(port or 9000, backlog, listener_setup)
	local c = A:connect(port or 9000, {setup = client_setup})
	local s = must('accept', l:accept(5))
	sleep(0.03) -- the client's final ACK
	return l, c, s
end

-- ---- packets ----
tcp, ip, icmp = core.tcp, core.ip, core.icmp

-- A UDP packet: length may be wrong, bad_checksum and no_checksum (0) say so; the rest is as for ip{}
local function sum16(s)
	local sum = 0
	if #s % 2 == 1 then s = s .. '\0' end
	for at = 1, #s, 2 do sum = sum + string.unpack('>I2', s, at) end
	while sum > 0xffff do sum = (sum & 0xffff) + (sum >> 16) end
	return ~sum & 0xffff
end

local function addr_bytes(addr)
	return string.char(addr:match('(%d+)%.(%d+)%.(%d+)%.(%d+)'))
end

function udp(p)
	local data = p.data or ''
	local length = p.length or 8 + #data
	local header = string.pack('>I2I2I2', p.sport, p.dport, length)
	local pseudo = addr_bytes(p.src) .. addr_bytes(p.dst) .. string.pack('>I2I2', 17, 8 + #data)
	local sum = sum16(pseudo .. header .. '\0\0' .. data)
	if sum == 0 then sum = 0xffff end
	if p.bad_checksum then sum = sum ~ 0x5555 end
	if p.no_checksum then sum = 0 end
	local fields = {proto = 17, data = header .. string.pack('>I2', sum) .. data}
	for k, v in pairs(p) do
		if fields[k] == nil then fields[k] = v end
	end
	return core.ip(fields)
end

-- An ICMP message without an IP header, for ping and raw sockets
function icmp_message(m)
	m.src, m.dst, m.message_only = '0.0.0.0', '0.0.0.0', true
	return core.icmp(m)
end

-- ---- the wire ----
wire = {}

-- What the experiment's rule and wire.lose_to() say together
local own_rule
local lost, any_lost = {}, false

local function rule_install()
	if not any_lost then return core.rule(own_rule) end
	core.rule(function(p)
		if lost[p.dst] or lost[p.dst:match('^%d+%.%d+%.%d+%.')] then return 'drop' end
		if own_rule then return own_rule(p) end
	end)
end

-- fn(packet) for each one that enters: nil lets it pass, 'drop' loses it, a number delays it by so many seconds,
-- a list of numbers makes copies, a list of {seconds, bytes} sends other bytes.
-- A text, '-p tcp --dport 9000': such packets, in iptables' words, are lost.
function wire.rule(fn)
	if lua_type(fn) == 'string' then
		local words = fn
		core.rule_matches(words, '') -- wrong words are an error here
		fn = function(p) return core.rule_matches(words, p.raw) and 'drop' or nil end
	end
	own_rule = fn
	rule_install()
end

-- Packets to this address, this network ('198.18.1.0/24') or to a list of them are seen in the trace and lost, whatever
-- a rule says.
function wire.lose_to(addr)
	for _, a in ipairs(lua_type(addr) == 'table' and addr or {addr}) do lost[a:match('^(.*%.)0/24$') or a] = true end
	any_lost = true
	rule_install()
end

-- The wire ends in a narrower one: packets of more than mtu bytes are lost.  A router that is there says so (ICMP 3/4, delay
-- seconds later); without one it is a black hole.  wire.narrow() makes it wide again.
function wire.narrow(o)
	wire.rule(o and function(p)
		if #p.raw <= o.mtu then return end
		if o.router then
			hosts[p.from]:inject(icmp{src = o.router, dst = p.src, type = 3, code = 4, seq = o.mtu, data = p.raw:sub(1, 28)},
				o.delay, p.link)
		end
		return 'drop'
	end)
end

-- wire.set{from = A, to = R, delay = seconds, rate = bits per second}; without from or to: whoever is there
function wire.set(o)
	for _, h in ipairs(o.from and {o.from} or hosts) do
		for link in pairs(h.addrs) do
			if not o.to or link == link_of(h, o.to) then must('wire', core.wire_set(h.index, link, o.delay, o.rate)) end
		end
	end
end

local looked_at = {}
local function packet(i)
	local p = looked_at[i]
	if not p then
		p = core.packet(i)
		looked_at[i] = p
	end
	return p
end

-- Those packets so far for which fn says true, oldest first
function wire.packets(fn)
	local out = {}
	for i = 1, core.packet_count() do
		local p = packet(i)
		if not fn or fn(p) then out[#out + 1] = p end
	end
	return out
end

-- The newest packet for which fn says true; waits for one up to timeout seconds.  Nil if there is none.
-- The first known packets are not looked at.
function wire.find(fn, timeout, known)
	local last, looked = core.now() + (timeout or 2), known or 0
	while true do
		local n = core.packet_count()
		for i = n, looked + 1, -1 do
			local p = packet(i)
			if fn(p) then return p end
		end
		looked = n
		if over(last) then return nil end
		core.wait(last, -1)
	end
end

function wire.trace() return core.lines() end

-- ---- clients that exist nowhere ----
-- What such a client sends is put on the wire by hand; what it is sent is seen there and lost.
local Ghost = {}
Ghost.__index = Ghost
local haunted = {}

-- The n-th client (198.18.1.x, port 20000 + n) of this host's port, with these options in its SYN
function Host:ghost(port, n, opts)
	if not haunted[self.index] then
		haunted[self.index] = true
		self:route('198.18.1.0')
		wire.lose_to('198.18.1.0/24')
	end
	return setmetatable({host = self, dport = port, addr = '198.18.1.' .. 1 + n % 250, port = 20000 + n, isn = 7000,
		opts = opts or {mss = 1460}}, Ghost)
end

-- Any segment: the fields of tcp{} without addresses and ports
function Ghost:put(o)
	o.src, o.dst, o.sport, o.dport = self.addr, self.host.addr, self.port, self.dport
	self.host:inject(tcp(o))
end

function Ghost:syn()
	self.known = self.known or core.packet_count()
	self:put{seq = self.isn, flags = 'S', opts = self.opts}
end

-- The newest SYN+ACK that it was sent; waits for one.  Nil if there is none.
function Ghost:synack(timeout)
	return wire.find(function(p) return p.dport == self.port and p.dst == self.addr and p:has('S.') end, timeout,
		self.known)
end

-- The final ACK, or what o changes of it: {data =, flags =, seq =, ack =, opts =, ...}
function Ghost:ack(o)
	o = o or {}
	if not o.ack or not o.opts then
		self.heard_synack = self.heard_synack or self:synack() or error('the ghost was sent no SYN+ACK', 2)
	end
	local heard = self.heard_synack
	o.seq = o.seq or self.isn + 1
	o.ack = o.ack or heard.seq + 1
	o.flags = o.flags or (o.data and 'P.' or '.')
	if not o.opts and self.opts.ts and heard.opts.ts then o.opts = {ts = {self.opts.ts[1] + 1, heard.opts.ts[1]}} end
	self:put(o)
end

-- The flags of all that it was sent: {'S.', 'S.', 'R'}
function Ghost:heard()
	local out = list()
	for _, p in ipairs(wire.packets(function(p) return p.dport == self.port and p.dst == self.addr end)) do
		out[#out + 1] = p.flags
	end
	return out
end

-- ---- phases ----
local function observations()
	local keys, values = {}, {}
	return setmetatable({}, {
		__newindex = function(_, k, v)
			if values[k] == nil then keys[#keys + 1] = k end
			values[k] = v
		end,
		__index = values,
	}), keys, values
end

-- {settle = seconds, limit = seconds on the kernel, generations = '3.10' (shown as that Linux, too), not_on_kernel = reason}
function experiment(o) core.limits(o.settle, o.limit, o.generations, o.not_on_kernel) end

-- phase(name, [{settle = seconds, document = {A = {...}, B = {...}}, expect = {...}},] [function(o) ... end])
-- What the function puts into o is observed.  Counters are read before it and settle seconds after it.
-- If it gives 'again', nothing of that counts, and it begins anew: for what a busy machine has spoilt.
function phase(name, options, fn)
	if lua_type(options) == 'function' then options, fn = {}, options end
	options = options or {}
	local o, keys, values = observations()
	core.phase_begin(name, options.document, options.expect)
	while fn and fn(o) == 'again' do
		o, keys, values = observations()
		core.phase_again()
	end
	sleep(options.settle or core.limits())
	core.phase_end(keys, values)
end

-- Puts the fields of a table into an observation.
function observe_all(o, t)
	for k, v in pairs(t) do o[k] = v end
end

-- Observed of the whole experiment, outside of phases
function observe(name, value) core.observe({name}, {[name] = value}) end

-- What must be true in both worlds
function expect(ok, text, ...)
	if not ok then core.fail(select('#', ...) > 0 and text:format(...) or text or 'an expectation failed') end
	return ok
end
