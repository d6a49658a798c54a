using JitGrains.Grants;
using JitGrains.Silo.Holds;
using static JitGrains.TestSupport.Sample;

namespace JitGrains.UnitTests.Silo;

public sealed class GrantNewsTests
{
    [Fact]
    public void A_grant_arrives_as_it_was_signed()
    {
        using var key = System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP256);
        var signer = new GrantSigner(key);
        var signed = signer.Sign(Grant());
        var data = GrantNews.Print(signed.RequestId, signed);
        Assert.Equal(signed.RequestId, GrantNews.RequestOf(data));
        var told = GrantNews.GrantOf(data)!;
        Assert.True(signer.Verifier.Verify(told));
        Assert.False(signer.Verifier.Verify(told with { Uses = 2 }));
    }

    [Fact]
    public void One_that_does_not_fit_is_named_only()
    {
        var data = GrantNews.Print(RequestId(1), Grant(resource: new string('x', 4_000)));
        Assert.Equal(RequestId(1), data);
        Assert.Equal(RequestId(1), GrantNews.RequestOf(data));
        Assert.Null(GrantNews.GrantOf(data));
    }

    [Theory]
    [InlineData("rq_1 ")]
    [InlineData("rq_1 {")]
    [InlineData("rq_1 null")]
    [InlineData("rq_1 []")]
    [InlineData("rq_1 {\"id\":\"gr_1\"}")]
    public void What_cannot_be_read_is_no_grant(string data)
    {
        Assert.Equal("rq_1", GrantNews.RequestOf(data));
        Assert.Null(GrantNews.GrantOf(data));
    }
}
