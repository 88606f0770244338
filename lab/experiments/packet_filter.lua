-- A packet filter as iptables makes one: DROP, REJECT and ACCEPT at INPUT and OUTPUT, and which counters move where.

wire.lose_to('198.18.0.77')
B:listen(9000, 8)

local function with(h, rule, fn)
	for _, text in ipairs(type(rule) == 'table' and rule or {rule}) do h:rule(text) end
	fn()
	h:drop_clear()
end

-- What a connect() comes to, and when.
local function try(o, h, port, patience)
	local began = now()
	local s = h:socket()
	local ok, _, code = s:connect(h.other.addr, port, patience or 0.5)
	o['connect'] = ok and 'connected' or code
	if code ~= 'TIMEOUT' then o['after'] = round(now() - began, 1) end
	s:linger(0)
	s:close()
end

local function ping(h, n)
	local s = h:socket('ping')
	local answered = {}
	for seq = 1, n or 1 do
		local sent, _, code = s:sendto(icmp_message{type = 8, ident = 0, seq = seq, data = 'x'}, h.other.addr)
		answered[seq] = sent and (s:recvfrom(200, 0.1) and 'answer' or 'silence') or code
	end
	s:close()
	return answered
end

-- The answer to a packet that nobody sent.
local function said(packet)
	local function answers() return wire.packets(function(p) return p.dst == '198.18.0.77' end) end
	local before = #answers()
	B:inject(packet)
	sleep(0.05)
	local p = answers()[before + 1]
	if not p then return 'silence' end
	if p.type then return ('ICMP %d/%d'):format(p.type, p.code) end
	return ('%s seq %d ack %d win %d ttl %d'):format(p.flags, p.seq, p.ack, p.win, p.ttl)
end

local function seg(flags, more)
	local t = {src = '198.18.0.77', dst = B.addr, sport = 7, dport = 9000, seq = 1000, ack = 5000, flags = flags}
	for k, v in pairs(more or {}) do t[k] = v end
	return tcp(t)
end

phase('INPUT -p tcp --dport 9000 -j DROP', function(o)
	with(B, 'INPUT -p tcp --dport 9000 -j DROP', function() try(o, A, 9000) end)
end)
phase('the same, REJECT', function(o)
	with(B, 'INPUT -p tcp --dport 9000 -j REJECT', function() try(o, A, 9000) end)
end)
phase('the same, REJECT --reject-with tcp-reset', function(o)
	with(B, 'INPUT -p tcp --dport 9000 -j REJECT --reject-with tcp-reset', function() try(o, A, 9000) end)
end)
phase('ACCEPT stands before DROP', function(o)
	with(B, {'INPUT -s ' .. A.addr .. ' -p tcp --dport 8999:9001 -j ACCEPT', 'INPUT -p tcp -j DROP'}, function() try(o, A, 9000) end)
end)

for _, code in ipairs{'icmp-net-unreachable', 'icmp-host-unreachable', 'icmp-proto-unreachable', 'icmp-port-unreachable',
	'icmp-net-prohibited', 'icmp-host-prohibited', 'icmp-admin-prohibited'} do
	phase(code, function(o)
		with(B, 'INPUT -p tcp -j REJECT --reject-with ' .. code, function()
			o['a SYN'] = said(seg('S'))
			sleep(1.2)
		end)
	end)
end

phase('who is told nothing', function(o)
	with(B, 'INPUT -j REJECT', function()
		o['a TCP checksum that is wrong'] = said(seg('S', {bad_checksum = true}))
		o['an ICMP error'] = said(icmp{src = '198.18.0.77', dst = B.addr, type = 3, code = 3, data = seg('.', {src = B.addr, dst = '198.18.0.77'})})
		o['protocol 99'] = said(ip{src = '198.18.0.77', dst = B.addr, proto = 99, data = 'abcd'})
		sleep(1.2)
		o['protocol 47'] = said(ip{src = '198.18.0.77', dst = B.addr, proto = 47, data = '\0\0\8\0abcd'})
		sleep(1.2)
		o['a RST'] = said(seg('R'))
		sleep(1.2)
		o['UDP without a checksum'] = said(ip{src = '198.18.0.77', dst = B.addr, proto = 17, data = '\0\7\0\7\0\9\0\0x'})
		o['UDP with a wrong one'] = said(ip{src = '198.18.0.77', dst = B.addr, proto = 17, data = '\0\7\0\7\0\9\1\1x'})
		sleep(1.2)
		o['an echo'] = said(icmp{src = '198.18.0.77', dst = B.addr, type = 8, data = 'x'})
	end)
end)

phase('what a RST says', function(o)
	with(B, 'INPUT -p tcp -j REJECT --reject-with tcp-reset', function()
		o['a SYN'] = said(seg('S', {ack = 0}))
		o['a SYN with data'] = said(seg('S', {data = 'xyz', ack = 0}))
		o['an ACK'] = said(seg('.'))
		o['an ACK with data'] = said(seg('P.', {data = 'xyz'}))
		o['a FIN without ACK'] = said(seg('F'))
		o['a RST'] = said(seg('R'))
		o['a wrong checksum'] = said(seg('S', {bad_checksum = true}))
	end)
end)

phase('OUTPUT: an echo that may not leave', function(o)
	with(A, 'OUTPUT -p icmp --icmp-type echo-request -j DROP', function() o['sendto'] = ping(A) end)
end)
phase('OUTPUT: an echo reply that may not leave', function(o)
	with(B, 'OUTPUT -p icmp --icmp-type echo-reply -j DROP', function() o['sendto'] = ping(A) end)
end)
phase('OUTPUT: a rejected echo', function(o)
	with(A, 'OUTPUT -p icmp --icmp-type 8 -j REJECT --reject-with icmp-host-prohibited', function() o['sendto'] = ping(A) end)
end)
phase('OUTPUT: a SYN that may not leave', function(o)
	with(A, 'OUTPUT -p tcp --syn -j DROP', function() try(o, A, 9000) end)
end)
phase('OUTPUT: a SYN rejected by a RST', function(o)
	with(A, 'OUTPUT -d ' .. B.addr .. ' -p tcp --syn -j REJECT --reject-with tcp-reset', function() try(o, A, 9000, 1.5) end)
end)
phase('every third of nine', function(o)
	with(B, 'INPUT -p icmp -m statistic --mode nth --every 3 --packet 1 -j DROP', function() o['echoes'] = ping(A, 9) end)
end)
phase('the first two', function(o)
	with(B, 'INPUT -p icmp --first 2 -j DROP', function() o['echoes'] = ping(A, 4) end)
end)
phase('other addresses, ports, flags, types', function(o)
	for _, rule in ipairs{'INPUT -s 198.18.0.128/25 -j DROP', 'INPUT ! -s 198.18.0.0/24 -j DROP', 'INPUT -p udp -j DROP',
		'INPUT -p tcp --sport 1 -j DROP', 'INPUT -p tcp ! --dport 9000 -j DROP', 'INPUT -p tcp --tcp-flags ALL NONE -j DROP',
		'INPUT -p icmp --icmp-type 3/4 -j DROP', 'INPUT -i nowhere+ -j DROP', 'INPUT -f -j DROP', 'INPUT ! -p tcp -j DROP'} do
		B:rule(rule)
	end
	try(o, A, 9000)
	B:drop_clear()
end)
phase('OUTPUT: a rejected SYN+ACK', function(o)
	with(B, 'OUTPUT -p tcp --tcp-flags SYN,ACK SYN,ACK -j REJECT', function() try(o, A, 9000, 0.5) end)
end)
