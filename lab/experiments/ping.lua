-- One ICMP echo of 56 data bytes from A to B, by a raw socket (as ping does for root) and by a ping socket.
-- The document's "ping test".

-- What the document shows for the host that pings.
local says = {A = {
	IpInReceives = 1, IpInDelivers = 1, IpOutRequests = 1, IcmpInMsgs = 1, IcmpInEchoReps = 1, IcmpOutMsgs = 1,
	IcmpOutEchos = 1, IcmpMsgInType0 = 1, IcmpMsgOutType8 = 1, IpExtInOctets = 84, IpExtOutOctets = 84,
	IpExtInNoECTPkts = 1,
}}

local function echo(kind)
	local s = A:socket(kind)
	s:sendto(icmp_message{type = 8, ident = 77, seq = 1, data = ('\0'):rep(56)}, B.addr)
	local reply = s:recvfrom(200, 2)
	s:close()
	return reply and #reply
end

phase('raw socket ping', {document = says}, function(o)
	o['reply_bytes_seen_by_application'] = echo('raw')
end)

phase('ping socket', {document = says}, function(o)
	o['reply_bytes_seen_by_application'] = echo('ping')
end)
