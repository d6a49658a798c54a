using System.Net;
using System.Net.Http.Headers;
using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.Proxying;

/// <summary>Runs alone: it measures the heap of the whole process.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class LargeBodyCollection
{
    public const string Name = "large bodies";
}

/// <summary>A gibibyte passes either way in constant memory.</summary>
[Collection(LargeBodyCollection.Name)]
public sealed class LargeBodyTests
{
    private const long Size = 1L << 30;
    private const long MayGrow = 64L << 20;
    private static readonly byte[] Chunk = new byte[128 * 1024];

    [Theory]
    [InlineData("GET")]
    [InlineData("POST")]
    public async Task A_gibibyte_passes_in_constant_memory(string method)
    {
        var received = 0L;
        await using var upstream = await OrdersUpstream.Start(async context =>
        {
            if (context.Request.Method == "POST")
            {
                received = await Measured(context.Request.Body);
                return;
            }

            context.Response.ContentLength = Size;
            await Write(context.Response.Body);
        });
        await using var gateway = await ProxyPolicy.Start(upstream.Address);
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(gateway.Gateway, "/open/large"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", await gateway.Token("alice"));
        if (method == "POST")
            request.Content = new Large();

        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        if (method == "GET")
            received = await Measured(await response.Content.ReadAsStreamAsync());
        Assert.Equal(Size, received);
    }

    /// <summary>Reads to the end. At each quarter, while the rest is held up, the heap must not have grown with what passed.</summary>
    private static async Task<long> Measured(Stream body)
    {
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var buffer = new byte[128 * 1024];
        var total = 0L;
        var next = Size / 4;
        int read;
        while ((read = await body.ReadAsync(buffer)) > 0)
        {
            total += read;
            if (total < next)
                continue;
            next += Size / 4;
            var grown = GC.GetTotalMemory(forceFullCollection: true) - before;
            Assert.True(grown < MayGrow, $"After {total} bytes the heap had grown by {grown}.");
        }

        return total;
    }

    private static async Task Write(Stream to)
    {
        for (var left = Size; left > 0; left -= Chunk.Length)
            await to.WriteAsync(Chunk);
    }

    private sealed class Large : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => Write(stream);

        protected override bool TryComputeLength(out long length)
        {
            length = Size;
            return true;
        }
    }
}
