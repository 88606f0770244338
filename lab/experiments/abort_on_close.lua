-- A server closes with 'hello' unread: RST instead of FIN, TcpExtTCPAbortOnClose.  And variants that do not abort.
-- The document's "TcpExtTCPAbortOnClose".

local port = 9000

local function one(tag, how)
	local l, c, s = pair(port)
	port = port + 1
	phase(tag .. ': send hello', function()
		c:send('hello\n')
		if how.client_fin then c:shutdown('w') end
	end)
	if how.read then s:recv(100, 2) end
	phase(tag .. ': server ' .. (how.close or 'close'), {document = how.document}, function(o)
		if how.pending then
			s:send(('x'):rep(100))
			sleep(0.05)
		end
		if how.close == 'shutdown' then s:shutdown('w') else s:close() end
		sleep(0.1)
		o['client recv'] = repr(c:recv(200, 0.3))
	end)
	l:close()
	c:close()
	s:close()
end

one('unread, client sent FIN', {client_fin = true, document = {B = {TcpExtTCPAbortOnClose = 1}}})
one('unread, client open', {})
one('unread 6 bytes, server wrote 100 bytes', {pending = true})
one('all read, client sent FIN', {client_fin = true, read = true})
one('all read, client open', {read = true})
one('unread, shutdown(WR) only', {close = 'shutdown'})
sleep(0.05) -- the last FIN
