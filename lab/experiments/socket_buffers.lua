-- SO_SNDBUF and SO_RCVBUF: doubled, limited, and not where force is used; SO_BUF_LOCK; the nine numbers of SO_MEMINFO.

experiment{settle = 0.05, limit = 30}

phase('what is set, and what it becomes', function(o)
	for _, row in ipairs{
		{'SO_SNDBUF', 1}, {'SO_SNDBUF', 100000}, {'SO_SNDBUF', 1 << 30}, {'SO_SNDBUF', -1},
		{'SO_SNDBUFFORCE', 1 << 29}, {'SO_SNDBUFFORCE', 0x7fffffff}, {'SO_SNDBUFFORCE', -1},
		{'SO_RCVBUF', 1}, {'SO_RCVBUF', 100000}, {'SO_RCVBUF', 1 << 30}, {'SO_RCVBUF', -1},
		{'SO_RCVBUFFORCE', 1 << 29}, {'SO_RCVBUFFORCE', 0x7fffffff}, {'SO_RCVBUFFORCE', -1},
		{'SO_BUF_LOCK', 4}, {'SO_BUF_LOCK', 3}, {'SO_BUF_LOCK', 2}, {'SO_BUF_LOCK', 0},
	} do
		local option, value = row[1], row[2]
		local s = A:socket()
		local said = repr(s:set(option, value))
		o[('%s %d'):format(option, value)] = list{said, s:get('SO_SNDBUF'), s:get('SO_RCVBUF'), s:get('SO_BUF_LOCK')}
		s:close()
	end
	local s = A:socket()
	o['reading the force'] = repr(s:get('SO_SNDBUFFORCE'))
	s:close()
end)

local function memory(s)
	local m = s:get('SO_MEMINFO')
	return list{m.rmem_alloc, m.rcvbuf, m.wmem_alloc, m.sndbuf, m.fwd_alloc, m.wmem_queued, m.optmem, m.backlog, m.drops}
end

local l, c, s = pair()
for _, bytes in ipairs{1, 100, 5000} do
	phase(('%d bytes unread; and %d not acknowledged'):format(bytes, bytes), function(o)
		c:send(('x'):rep(bytes))
		sleep(0.05)
		o['reader'] = memory(s)
		s:recv(bytes)
		o['has read'] = memory(s)
		wire.rule('-p tcp --sport 9000')
		s:send(('x'):rep(bytes))
		sleep(0.002)
		o['writer'] = memory(s)
		wire.rule(function() end)
		sleep(0.7)
		o['acknowledged'] = memory(s)
		c:recv(bytes)
	end)
end
