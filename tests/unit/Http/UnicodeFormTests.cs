using JitGrains.Identity;
using JitGrains.Unicode;

namespace JitGrains.UnitTests.Http;

public class UnicodeFormTests
{
    [Theory]
    [InlineData("abc", "abc", "abc")]
    [InlineData("e\u0301", "\u00e9", "\u00e9")]
    [InlineData("\u00e9", "\u00e9", "\u00e9")]
    [InlineData("\u212b", "\u00c5", "\u00c5")]
    [InlineData("\u1e9b\u0323", "\u1e9b\u0323", "\u1e69")]
    [InlineData("\ufb01", "\ufb01", "fi")]
    [InlineData("\uff21", "\uff21", "A")]
    [InlineData("q\u0307\u0323", "q\u0323\u0307", "q\u0323\u0307")]
    [InlineData("\u1100\u1161\u11a8", "\uac01", "\uac01")]
    [InlineData("\uac00\u11a8", "\uac01", "\uac01")]
    [InlineData("\ud834\udd5e", "\ud834\udd57\ud834\udd65", "\ud834\udd57\ud834\udd65")]
    [InlineData("\u0344", "\u0308\u0301", "\u0308\u0301")]
    [InlineData("\u0958", "\u0915\u093c", "\u0915\u093c")]
    [InlineData("a\u0315\u0300\u05ae\u0300b", "\u00e0\u05ae\u0300\u0315b", "\u00e0\u05ae\u0300\u0315b")]
    [InlineData("\u2460\u33c2", "\u2460\u33c2", "1a.m.")]
    [InlineData("\ufdfa", "\ufdfa", "\u0635\u0644\u0649 \u0627\u0644\u0644\u0647 \u0639\u0644\u064a\u0647 \u0648\u0633\u0644\u0645")]
    [InlineData("\u0b47\u0b3e", "\u0b4b", "\u0b4b")]
    public void Forms_C_and_KC(string text, string c, string kc)
    {
        Assert.Equal(c, UnicodeForm.Compose(text));
        Assert.Equal(kc, UnicodeForm.ComposeCompatible(text));
        Assert.Equal(text == c, UnicodeForm.IsComposed(text));
    }

    [Fact]
    public void Half_a_surrogate_pair_stays_as_it_is()
    {
        var half = new string('\ud800', 1) + "e\u0301";
        Assert.Equal(half[0], UnicodeForm.Compose(half)[0]);
        Assert.Equal(2, UnicodeForm.Compose(half).Length);
    }

    [Fact]
    public void A_name_that_is_not_composed_is_not_safe()
    {
        Assert.True(SafeText.IsSafeName("ren\u00e9"));
        Assert.False(SafeText.IsSafeName("rene\u0301"));
    }
}
