using JitGrains.GatewayTests.Hostile;

namespace JitGrains.WaysTests;

/// <summary>One request over HTTP/2 on a connection of its own, with exactly these headers and pseudo-headers.</summary>
internal static class Http2Call
{
    /// <summary>Sends it and waits for the stream's end. Returns whether an upstream answered (the gateway's own answers are problems).</summary>
    public static async Task<bool> Send(Uri gateway, IReadOnlyList<(string Name, string Value)> headers, string body, string token, string name)
    {
        using var caller = await Http2Attacker.Connect(gateway);
        (string, string)[] all = [.. headers.Select(h => (h.Name, h.Value)), ("authorization", $"Bearer {token}"), ("x-case", name)];
        byte flags = Http2Attacker.EndHeaders;
        if (body.Length == 0)
            flags |= Http2Attacker.EndStream;
        try
        {
            await caller.Send(Http2Attacker.Frame(Http2Attacker.Headers, flags, 1, Http2Attacker.Block(all)));
            if (body.Length > 0)
                await caller.Send(Http2Attacker.Frame(Http2Attacker.Data, Http2Attacker.EndStream, 1, System.Text.Encoding.Latin1.GetBytes(body)));
            // An answer's header block is compressed; its body is not, and an upstream's says "seen".
            return await caller.ReadUntil(Http2Attacker.Data, 1) is { } data && data.AsSpan().SequenceEqual("seen"u8);
        }
        catch (IOException)
        {
            return false;
        }
    }
}
