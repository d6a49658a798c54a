using System.Text;
using JitGrains.Http;

namespace JitGrains.UnitTests.Http;

public class JsonBodyTests
{
    [Theory]
    [InlineData("application/json", "{\"a\":1}", true)]
    [InlineData("application/json; charset=utf-8", "{\"a\":1}", true)]
    [InlineData("application/vnd.x+json", "[]", true)]
    [InlineData("Application/JSON", "\"\\ud83d\\ude00\"", true)]
    [InlineData("application/json; charset=utf-16", "{}", false)]
    [InlineData("application/json; x=y", "{}", false)]
    [InlineData("text/plain", "{}", false)]
    [InlineData(null, "{}", false)]
    [InlineData("application/json", "", false)]
    [InlineData("application/json", "{\"a\":1,\"a\":2}", false)]
    [InlineData("application/json", "{\"a\":1,\"\\u0061\":2}", false)]
    [InlineData("application/json", "{} {}", false)]
    [InlineData("application/json", "{\"a\":1,}", false)]
    [InlineData("application/json", "/**/{}", false)]
    [InlineData("application/json", "\ufeff{}", false)]
    [InlineData("application/json", "\"\\ud800\"", false)]
    [InlineData("application/json", "{\"\\udc00\":1}", false)]
    [InlineData("application/json", "[{\"a\":[\"\\ud800x\"]}]", false)]
    [InlineData("application/json", "NaN", false)]
    public void Only_what_every_reader_reads_alike(string? contentType, string body, bool read) =>
        Assert.Equal(read, JsonBody.TryRead(contentType, null, Encoding.UTF8.GetBytes(body)) is not null);

    [Fact]
    public void Broken_UTF8_encoded_and_deep_bodies_are_not_read()
    {
        Assert.Null(JsonBody.TryRead("application/json", null, new byte[] { (byte)'"', 0xC0, 0xAF, (byte)'"' }));
        Assert.Null(JsonBody.TryRead("application/json", "gzip", "{}"u8.ToArray()));
        Assert.NotNull(JsonBody.TryRead("application/json", null, Encoding.UTF8.GetBytes(new string('[', 32) + new string(']', 32))));
        Assert.Null(JsonBody.TryRead("application/json", null, Encoding.UTF8.GetBytes(new string('[', 33) + new string(']', 33))));
    }
}
